"""Turn a caller's words into a provider's: parameters x rules -> requests, and what is left to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from ._length import Settled, bounded, fitted
from ._tasks import messages_of
from ._types import Adjustment, Count, Message, Prompt, Role
from ._vocabulary import PARAMETERS, consistent
from .provider import Request
from .rules import Applied, Inapplicable, Required, Rule, Rules, Unsupported, completed

SEEDS = 2**63
"""How many seeds there are."""

IDLERS = frozenset(beside.other for parameter in PARAMETERS.values() for beside in parameter.idle)
"""Parameters beside which others may be idle: what becomes of these is settled first."""

Rulebook: TypeAlias = Callable[[Mapping[str, Any]], Rules]
"""The rules that hold under some parameters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Requests ready to send, and what is left to do before and after."""

    provider: str
    """The provider's name."""
    requests: tuple[Request, ...]
    """One for each time that the provider has to be asked."""
    choices: int
    """How many texts each answer will hold."""
    kept: int | None
    """How many of the texts are the caller's; None is all."""
    stops: tuple[str, ...]
    """Stop tokens to look for in the answers."""
    length: int | None
    """What prompt and answer may come to together; the prompt is not counted yet."""
    timeout: float | None
    """Seconds that it may all take."""
    verdicts: tuple[Adjustment, ...]
    """What became of each parameter."""

    @property
    def request(self) -> Request:
        """The request; the first of them where there are several."""
        return self.requests[0]


def prepare(
    task: Prompt,
    asked: Mapping[str, Any],
    rulebook: Rulebook,
    *,
    provider: str,
    model: str,
    like: str | None = None,
    count: Count | None = None,
) -> Prepared:
    """
    Apply the rules to what was *asked*, row by row.

    Args:
        task: What to ask.

        asked: The parameters.

        rulebook: The rules for them.

        provider: The provider's name.

        model: The model's.

        like: The name of the model whose rules these are, where that is another.

        count: The tokens of the prompt, once they are known: then ``length`` is settled.

    Raises:
        InvalidParameter: Two parameters contradict each other, or leave no room for an answer.
        InvalidTask: There is nothing to ask.
    """
    given: dict[str, Any] = {**consistent(dict(asked)), "model_name": model}
    limit = None if count is None else fitted(given["max_length"], count, given.get("max_tokens"))
    asked = given if limit is None else {**given, **limit.options}
    rules = completed(rulebook(asked), provider)
    if limit is not None:
        rules = {**rules, "max_length": Settled(limit)}
    first = _applied(asked, rules, task)
    if limit is not None:
        first = bounded(limit, first, given)
    calls = max(row.calls for row in first.values()) if first else 1
    turns = [first, *(_applied(_seeded(asked, turn), rules, task) for turn in range(1, calls))]
    messages = _messages(task, first)
    rows = tuple(first.values())
    return Prepared(
        provider=provider,
        requests=tuple(_request(model, like, messages, tuple(turn.values())) for turn in turns),
        choices=max((row.choices for row in rows), default=1),
        kept=next((row.kept for row in rows if row.kept is not None), None),
        stops=tuple(stop for row in rows for stop in row.stops),
        length=next((row.length for row in rows if row.length is not None), None),
        timeout=asked.get("timeout"),
        verdicts=_verdicts(first, given),
    )


def _applied(asked: Mapping[str, Any], rules: Rules, task: Prompt) -> dict[str, Applied]:
    """Apply the row of each parameter that was asked for, and of each that is required."""
    required = [name for name, rule in rules.items() if isinstance(rule, Required) and name not in asked]
    given = [name for name in asked if name in PARAMETERS and name != "provider_options"]
    applied: dict[str, Applied] = {}
    for name in sorted((*given, *required), key=IDLERS.__contains__, reverse=True):
        applied[name] = _row(name, asked, rules, task, applied).apply(name, asked.get(name), asked)
    applied = {name: applied[name] for name in (*given, *required)}
    if "model_name" in rules:
        applied["model_name"] = rules["model_name"].apply("model_name", asked["model_name"], asked)
    if "messages" in rules:
        said = rules["messages"].apply("messages", messages_of(task), asked)
        # What is said is no parameter: it is worth a word only where something becomes of it.
        applied |= {"messages": said} if said.verdict != "native" or said.options else {}
    return _overruled(applied, asked, rules)


def _row(
    name: str, asked: Mapping[str, Any], rules: Rules, task: Prompt, applied: Mapping[str, Applied]
) -> Rule:
    if name == "role" and not isinstance(task, str):
        return Inapplicable("the task's messages have roles of their own")
    for beside in PARAMETERS[name].idle if name in asked else ():
        is_lost = beside.other in applied and applied[beside.other].verdict == "dropped"
        if not is_lost and beside.holds(asked[name], asked.get(beside.other)):
            return Inapplicable(beside.reason)
    return rules.get(name, Unsupported())


def _overruled(applied: dict[str, Applied], asked: Mapping[str, Any], rules: Rules) -> dict[str, Applied]:
    """Add what the caller says in the provider's own words; a row that says otherwise is withdrawn."""
    if "provider_options" not in asked:
        return applied

    own = rules["provider_options"].apply("provider_options", asked["provider_options"], asked)
    withdrawn = Applied(verdict="dropped", reason="provider_options says otherwise")
    kept = {
        name: withdrawn if _overlap(row.options, own.options) else row
        for name, row in applied.items()
        if name in asked or not _overlap(row.options, own.options)
    }
    return {**kept, "provider_options": own}


def _overlap(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Say whether both name a value at the same place."""
    return any(
        not (isinstance(value, Mapping) and isinstance(other[key], Mapping))
        or _overlap(cast("Mapping[str, Any]", value), other[key])
        for key, value in one.items()
        if key in other
    )


def _seeded(asked: Mapping[str, Any], turn: int) -> Mapping[str, Any]:
    """Return *asked* with the seed of another turn: answers to one seed would be one answer."""
    return {**asked, "seed": (asked["seed"] + turn) % SEEDS} if "seed" in asked else asked


def _messages(task: Prompt, applied: Mapping[str, Applied]) -> tuple[Message, ...]:
    roles: list[Role] = [row.role for row in applied.values() if row.role is not None]
    leading = (message for row in applied.values() for message in row.leading)
    return (*leading, *messages_of(task, role=roles[0] if roles else "user"))


def _request(
    model: str, like: str | None, messages: tuple[Message, ...], applied: tuple[Applied, ...]
) -> Request:
    return Request(
        model=model,
        messages=messages,
        options=_merged([row.options for row in applied]),
        headers=_merged([row.headers for row in applied]),
        like=like,
    )


def _verdicts(applied: Mapping[str, Applied], asked: Mapping[str, Any]) -> tuple[Adjustment, ...]:
    """Return the verdict of each row; two that need the same thing to travel along say so once."""
    verdicts: list[Adjustment] = []
    for name, row in applied.items():
        value = asked.get(name)
        verdicts.append(
            Adjustment(parameter=name, verdict=row.verdict, asked=value, sent=row.sent, reason=row.reason)
        )
        verdicts += (beside for beside in row.besides if beside not in verdicts)
    return tuple(verdicts)


def _merged(parts: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Two rows may each bring a part of the same object."""
    merged: dict[str, Any] = {}
    for key, value in (item for part in parts for item in part.items()):
        known = merged.get(key)
        if isinstance(known, Mapping) and isinstance(value, Mapping):
            merged[key] = _merged([cast("Mapping[str, Any]", known), cast("Mapping[str, Any]", value)])
        else:
            merged[key] = value
    return merged
