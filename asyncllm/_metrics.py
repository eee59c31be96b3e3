"""What calls took, added up."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from ._prices import Bill, Cost
from ._spread import Spread
from ._types import Response, Usage
from .errors import ConfigurationError

NOTHING = Usage(input_tokens=0, output_tokens=0)

AT_ONCE = 20_000
"""Tokens a second that no model reaches: an answer so fast came in one piece, and tells no rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """So many tokens in so many seconds."""

    tokens: int = 0
    seconds: float = 0.0

    @property
    def per_second(self) -> float | None:
        """Tokens a second; None where nothing is known."""
        return self.tokens / self.seconds if self.seconds > 0 else None

    def __add__(self, other: Rate) -> Rate:
        return Rate(tokens=self.tokens + other.tokens, seconds=self.seconds + other.seconds)

    def __str__(self) -> str:
        return "unknown" if self.per_second is None else f"{self.per_second:,.1f} tokens/s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """
    What calls took, as far as they have ended; ``str()`` is a small table, and ``+`` merges two.

    The table's last row is :meth:`cost`, where the price list is installed. Each
    rate is one call's, on average: calls that run at the same time add their
    seconds up.
    """

    calls: int = 0
    """How many were answered."""
    errors: int = 0
    """How many failed for good."""
    cancelled: int = 0
    """How many were cancelled, or their streams left before the end."""
    retries: int = 0
    """How often the provider was asked again."""
    uncounted: int = 0
    """For how many answers the provider did not say what tokens they took."""
    usage: Usage = NOTHING
    """The tokens of all the others."""
    times: Spread = field(default_factory=Spread)
    """How long answered calls took, from the call to the whole answer."""
    first_tokens: Spread = field(default_factory=Spread)
    """How long it was to the first piece of text, where answers came in pieces."""
    speed: Rate = field(default_factory=Rate)
    """The tokens of answers, over the whole time of their calls."""
    prefill: Rate = field(default_factory=Rate)
    """
    Tokens of prompts that no cache held, over the time to the first token: the way
    to the server is in it. Only of calls that thought nothing and took one attempt.
    """
    decode: Rate = field(default_factory=Rate)
    """The tokens of single answers from the first piece of text on, over the time from there."""
    bill: Bill = field(default_factory=Bill, repr=False)
    """The tokens by what has a price of its own."""

    @classmethod
    def of(cls, response: Response, *, seller: str = "") -> Metrics:
        """Return those of one call that brought *response*; *seller* is whose prices it has."""
        timing, usage = response.timing, response.usage
        first = None if timing is None else timing.first_token
        first_tokens = Spread() if first is None else Spread.of(first)
        if response.finish_reason in {"cancelled", "error"}:
            left = response.finish_reason == "cancelled"
            return cls(cancelled=int(left), errors=int(not left), first_tokens=first_tokens)

        times = Spread() if timing is None else Spread.of(timing.total)
        if usage is None:
            return cls(calls=1, uncounted=1, times=times, first_tokens=first_tokens)

        return cls(
            calls=1,
            usage=usage,
            times=times,
            first_tokens=first_tokens,
            speed=Rate() if timing is None else Rate(tokens=usage.output_tokens, seconds=timing.total),
            prefill=_prefill(response, usage, first),
            decode=_decode(response, usage, first),
            bill=Bill.of(seller or response.provider, response.model, usage),
        )

    @property
    def generation_time(self) -> float:
        """The seconds of all answered calls together."""
        return self.times.total

    @property
    def tokens_per_second(self) -> float | None:
        """The rate at which answers came, waiting included; None where nothing is known."""
        return self.speed.per_second

    def cost(self) -> Cost:
        """
        Return what the calls cost by the list prices, as far as these are known.

        The first time loads the price list, which takes about half a second and no network.

        Raises:
            ConfigurationError: The price list is not installed; it is the ``prices`` extra.
        """
        usd, known = self.bill.cost()
        return Cost(usd=usd, calls=known, of=self.calls)

    def __add__(self, other: Metrics) -> Metrics:
        sums: dict[str, Any] = {
            each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(self)
        }
        return Metrics(**sums)

    def __str__(self) -> str:
        try:
            cost = str(self.cost())
        except ConfigurationError as error:
            cost = f"unknown: {error}"
        usage = self.usage
        missing = f", not counted for {self.uncounted:,} of the calls" if self.uncounted else ""
        rows = {
            "calls":       f"{self.calls:,} answered, {self.errors:,} failed, {self.cancelled:,} cancelled, "
                           f"{self.retries:,} retries",
            "tokens in":   f"{usage.input_tokens:,} ({usage.cached_tokens:,} cached){missing}",
            "tokens out":  f"{usage.output_tokens:,} ({usage.reasoning_tokens:,} reasoning)",
            "time":        f"{self.generation_time:,.3g} s in all; {self.times}",
            "first token": str(self.first_tokens),
            "speed":       str(self.speed),
            "prefill":     str(self.prefill),
            "decode":      str(self.decode),
            "cost":        cost,
        }  # fmt: skip
        return "\n".join(f"{name:<13}{value}" for name, value in rows.items())


def _prefill(response: Response, usage: Usage, first: float | None) -> Rate:
    read = usage.input_tokens - usage.cached_tokens
    if not first or read < 1 or usage.reasoning_tokens or response.attempts > 1 or response.choices[1:]:
        return Rate()

    return Rate(tokens=read, seconds=first)


def _decode(response: Response, usage: Usage, first: float | None) -> Rate:
    written = usage.output_tokens - usage.reasoning_tokens - 1
    if response.timing is None or first is None or written < 1 or response.choices[1:]:
        return Rate()

    rate = Rate(tokens=written, seconds=response.timing.total - first)
    return Rate() if rate.tokens >= AT_ONCE * rate.seconds else rate
