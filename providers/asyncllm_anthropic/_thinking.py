"""
How each family is told to think, and how much.

Up to 4.5 a model thinks only with a budget; effort alone, which Opus 4.5 knows,
steers how much it says. 4.6, 4.7 and 4.8 think only when told to, so that an
effort tells them to as well. Later models think unless told not to, and the
latest cannot be stopped.
"""

from __future__ import annotations

from typing import Any

from asyncllm.rules import Inapplicable, Nearest, Renamed, Rule, Unsupported, When, With

from ._rows import Budget, Mind, Where


def _told(kind: str) -> Rule:
    return Renamed("thinking", form=lambda _: {"type": kind})


def _in_output_config(level: Any) -> dict[str, Any]:
    return {"effort": level}


DISABLED = _told("disabled")
BETWEEN_TOOLS = _told("between_tools")
"""Off, but for what is said between the calls of tools."""

UP_TO_HIGH = Nearest("output_config", ("low", "medium", "high"), form=_in_output_config)
AND_MAX = Nearest("output_config", ("low", "medium", "high", "max"), form=_in_output_config)
ALL_LEVELS = Nearest("output_config", ("low", "medium", "high", "xhigh", "max"), form=_in_output_config)

NO_EFFORT = Unsupported("this model has no levels of effort; thinking_budget makes it think")
NO_BUDGET = Unsupported("this model decides itself how much to think; reasoning_effort guides it")
ALWAYS_THINKS = Unsupported("this model always thinks; with reasoning_effort='low' it thinks least")


def effort(levels: Rule, *, off: Rule = DISABLED) -> Rule:
    """Return the row of ``reasoning_effort`` for a model that knows *levels*; with "none" *off* holds."""
    return When("reasoning_effort", ("none",), off, otherwise=levels)


def waking(levels: Rule, mind: Mind) -> Rule:
    """Return *levels* for a model that thinks only when told to: an effort tells it where no budget does."""
    adaptive = With(
        rule=levels,
        options={"thinking": {"type": "adaptive"}},
        reason="this model thinks only when it is told to",
    )
    return Where(mind.is_woken, adaptive, otherwise=levels)


def budget(mind: Mind) -> Rule:
    """Return the row of ``thinking_budget`` for a model that takes one."""
    idle = Inapplicable("with reasoning_effort='none' there is no thinking to limit")
    limited = When("reasoning_effort", ("none",), idle, otherwise=Budget(mind))
    return When("thinking_budget", (0,), DISABLED, otherwise=limited)


def no_budget(off: Rule) -> Rule:
    """Return the row of ``thinking_budget`` for a model that takes none; with 0 *off* holds."""
    return When("thinking_budget", (0,), off, otherwise=NO_BUDGET)


def up_to_high(off: Rule) -> Rule:
    """
    Return *off* for a model that can be kept from thinking only at an effort of high or less.

    Anthropic says so of Opus 5, of Haiku 5.5, and of Sonnet 5.5 with its between_tools.
    """
    always = Unsupported("with reasoning_effort='xhigh' or 'max' this model always thinks")
    return When("reasoning_effort", ("xhigh", "max"), always, otherwise=off)
