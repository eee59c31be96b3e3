"""
How a parameter reaches a provider.

A provider states its rules as a table, one row a parameter::

    RULES: Rules = {
        "temperature":   Native(within=(0, 2)),
        "max_tokens":    Renamed("max_completion_tokens"),
        "stop_token":    StopTokens("stop", at_most=4),
        "system_prompt": Leading("system"),
        "top_k":         Unsupported("OpenAI has no top-k sampling"),
    }

A parameter without a row is emulated where asyncllm can do the work itself
(``stop_token``, ``num_return_sequences``, ``max_length``, ``do_sample``), and
otherwise unsupported. Rows are data: they are checked, printed and compared as
well as applied.
"""

from ._conditions import Assumed, Inside, Required, When, With, exclusive
from ._emulated import Counted, Greedy, Passed, StopTokens, Timed, completed
from ._families import Families, Family, bare
from ._row import Applied, Rule, Rules
from ._sent import (
    Choices,
    Folded,
    Inapplicable,
    Leading,
    Native,
    Nearest,
    Renamed,
    Repeated,
    Roles,
    Unsupported,
)

__all__ = [
    "Applied",
    "Assumed",
    "Choices",
    "Counted",
    "Families",
    "Family",
    "Folded",
    "Greedy",
    "Inapplicable",
    "Inside",
    "Leading",
    "Native",
    "Nearest",
    "Passed",
    "Renamed",
    "Repeated",
    "Required",
    "Roles",
    "Rule",
    "Rules",
    "StopTokens",
    "Timed",
    "Unsupported",
    "When",
    "With",
    "bare",
    "completed",
    "exclusive",
]
