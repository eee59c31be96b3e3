"""Rows that depend on whether an OpenAI model thinks: on the other parameters that say so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from asyncllm.provider import Effort
from asyncllm.rules import Nearest, Renamed, Rule, Rules, Unsupported, When, With

NOT_THINKING = ("none", "minimal")
"""Levels that come to none where a family has that: it lacks the other."""

NO_BUDGET = Unsupported("OpenAI sets no budget in tokens; reasoning_effort says how much to think")
NEVER_THINKS = Unsupported("this model does not think before it answers", default=0)


def only_unthinking(sampling: Rules, refused: Rules) -> Rules:
    """Return the rows of *sampling* for models that think unless told not to: else those of *refused*."""
    return {name: _told_not_to(row, refused[name], refused[name]) for name, row in sampling.items()}


def unless_thinking(sampling: Rules, refused: Rules, saying: Mapping[str, Any]) -> Rules:
    """
    Return the rows of *sampling* for models that do not think unless told to.

    *saying* travels along all the same: the API refuses sampling otherwise, and a default may change.
    """
    return {
        name: _told_not_to(
            row,
            refused[name],
            With(rule=row, options=saying, reason="the model's default, which this needs"),
        )
        for name, row in sampling.items()
    }


def efforts(levels: tuple[Effort, ...]) -> Rules:
    """Return Chat Completions' rows of how much a model thinks, which knows *levels*."""
    return _efforts(Nearest("reasoning_effort", levels), Renamed("reasoning_effort", form=as_none))


def nested_efforts(levels: tuple[Effort, ...]) -> Rules:
    """Return the Responses API's rows of how much a model thinks, which knows *levels*."""
    return _efforts(
        Nearest("reasoning", levels, form=as_effort), Renamed("reasoning", form=lambda _: as_effort("none"))
    )


def as_effort(level: Effort) -> dict[str, Any]:
    """Return *level* as the Responses API has it."""
    return {"effort": level}


def nothing_or(lacking: Unsupported, nothing: Rule) -> Rule:
    """Return the row of a ``thinking_budget`` that can only be 0: *nothing* says it, or the effort none."""
    said = When("reasoning_effort", ("none",), replace(lacking, default=0), otherwise=lacking)
    unsaid = When("thinking_budget", (0,), nothing, otherwise=lacking)
    return When("reasoning_effort", (None,), unsaid, otherwise=said)


def as_none(_: int) -> Effort:
    """Return the level that a budget of 0 is."""
    return "none"


def _efforts(effort: Nearest, nothing: Renamed) -> Rules:
    if "none" not in effort.levels:
        return {"reasoning_effort": effort, "thinking_budget": NO_BUDGET}

    return {"reasoning_effort": effort, "thinking_budget": nothing_or(NO_BUDGET, nothing)}


def _told_not_to(taken: Rule, refused: Rule, by_default: Rule) -> When:
    untold = When("thinking_budget", (0,), taken, otherwise=by_default)
    unsaid = When("reasoning_effort", (None,), untold, otherwise=refused)
    return When("reasoning_effort", NOT_THINKING, taken, otherwise=unsaid)
