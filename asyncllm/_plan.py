"""What a call would send, without sending it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from ._types import Adjustment
from .errors import UnsupportedParameter
from .provider import Wire


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a call would send; ``print(plan)`` shows it."""

    provider: str
    model: str
    sent: tuple[Wire, ...]
    """What would go to the provider: one for each time that it would be asked."""
    verdicts: tuple[Adjustment, ...]
    """What would become of each parameter."""
    adjustments: tuple[Adjustment, ...]
    """Those of the verdicts that the response would report."""
    refusal: UnsupportedParameter | None = None
    """The error that the call would raise instead, where it requires what the provider does not do."""

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        first = self.sent[0]
        times = f", {len(self.sent)} times" if len(self.sent) > 1 else ""
        yield f"{self.provider}:{self.model}  ->  {first.to}{times}"
        yield from (f"{name}: {text}" for name, text in first.headers.items())
        yield json.dumps(first.body, indent=2, ensure_ascii=False, default=str)
        for other in self.sent[1:]:
            changed = {key: value for key, value in other.body.items() if first.body.get(key) != value}
            if changed:
                yield "and with " + json.dumps(changed, ensure_ascii=False, default=str)
        if self.verdicts:
            yield ""
            yield from self._verdicts()
        if self.refusal is not None:
            yield ""
            yield f"refused: {self.refusal}"

    def _verdicts(self) -> Iterator[str]:
        names = max(len(verdict.parameter) for verdict in self.verdicts)
        for verdict in self.verdicts:
            change = "" if verdict.asked is None else repr(verdict.asked)
            if verdict.sent is not None and verdict.sent != verdict.asked:
                change = f"{change} -> {verdict.sent!r}".lstrip()
            reason = f"   {verdict.reason}" if verdict.reason else ""
            yield f"{verdict.verdict:<12}  {verdict.parameter:<{names}}  {change}{reason}"
