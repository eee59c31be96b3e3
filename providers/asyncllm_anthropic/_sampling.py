"""
Which version of the API takes sampling parameters, and when.

Version 2026-10-21, the SDK's own default, refuses temperature, top_p and top_k
for every model. Under 2023-06-01 the models up to 4.6 still take them, one of
temperature and top_p at a time, as long as they do not think.
"""

from __future__ import annotations

from math import inf

from asyncllm.rules import Native, Rule, Rules, Unsupported, With, exclusive

from ._rows import Mind, Where

VERSION_HEADER = "anthropic-version"
LATEST_VERSION = "2026-10-21"
SAMPLING_VERSION = "2023-06-01"
"""The last version of the API that knows sampling parameters."""


def no_sampling(reason: str) -> Rules:
    """Return the rows of sampling for a model that does not take it."""
    return {
        "temperature": Unsupported(reason, default=1),
        "top_p":       Unsupported(reason, default=1),
        "top_k":       Unsupported(reason, default=0),
    }  # fmt: skip


def sampling(version: str | None, mind: Mind) -> Rules:
    """
    Return the rows of sampling for a model that takes it.

    Args:
        version: The version of the API; None asks for the one that is needed, where it is.

        mind: What makes the model think.
    """
    if version is not None and version > SAMPLING_VERSION:
        return no_sampling(f"versions of the API after {SAMPLING_VERSION} take no sampling parameters")

    awake: Rules = {
        **no_sampling("cannot be combined with thinking"),
        "top_p": Native(within=(0.95, 1)),
    }
    asleep: Rules = {
        "temperature": Native(within=(0, 1)),
        "top_p":       exclusive("temperature", Native(within=(0, 1))),
        "top_k":       Native(within=(0, inf)),
    }  # fmt: skip
    rows: Rules = {name: Where(mind.is_awake, awake[name], otherwise=row) for name, row in asleep.items()}
    return rows if version else {name: _with_version(row) for name, row in rows.items()}


def _with_version(rule: Rule) -> Rule:
    return With(
        rule=rule,
        headers={VERSION_HEADER: SAMPLING_VERSION},
        reason="later versions of the API refuse sampling parameters",
    )
