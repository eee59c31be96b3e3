"""Attributes that are there even where a subclass's ``__init__`` does not call ours."""

from __future__ import annotations

import threading
from typing import Any


def later() -> Any:
    """
    Return what stands in a class for an attribute that its ``__init__`` sets.

    Who looks for it before then gets an object that is set as if it were made without
    any arguments, by its ``_specify``.
    """
    return _Later()


class _Later:
    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type) -> Any:
        if instance is None:
            return self

        held: Any = instance
        with _MAKING:  # Of several threads, one makes it.
            if self._name not in vars(instance):
                held._llm_specify()  # noqa: SLF001 - what is looked for is as private
        return vars(instance)[self._name]


_MAKING = threading.RLock()
