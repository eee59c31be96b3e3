"""Which gate a provider's requests pass."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import cast
from weakref import WeakValueDictionary

from asyncllm.provider import Provider

from ._gate import Gate

KEPT = 256
"""So many gates are kept when nobody uses them: what was learned is not learned anew by the next LLM."""

_lock = threading.Lock()
_gates: WeakValueDictionary[Hashable, Gate] = WeakValueDictionary()
_latest: OrderedDict[Hashable, Gate] = OrderedDict()

_OWN = "_asyncllm_gate"
"""The attribute in which an opened provider keeps its gate: quicker to find than in any mapping."""


def gate_of(provider: Provider) -> Gate:
    """Return the gate of an opened *provider*, which all share that use the same account."""
    gate = vars(provider).get(_OWN)
    if gate is None:
        gate = vars(provider)[_OWN] = _found(provider)
        provider.hears = gate.told
    return cast("Gate", gate)


def _found(provider: Provider) -> Gate:
    account = provider.account()
    if account is None:
        return Gate()

    key = (type(provider), account)
    with _lock:
        gate = _latest[key] = _gates.setdefault(key, Gate())
        _latest.move_to_end(key)
        while len(_latest) > KEPT:
            _latest.popitem(last=False)
    return gate
