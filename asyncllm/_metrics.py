"""What calls took, added up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ._figures import count, read
from ._prices import Bill, Cost, usage_of, usages
from ._rates import Rate, rates
from ._spread import Spread
from ._types import Response, Usage
from .errors import ConfigurationError

NOTHING = Usage(input_tokens=0, output_tokens=0)


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
    """For how many answers, whole or begun, the provider did not say what tokens they took."""
    usage: Usage = NOTHING
    """The tokens of all the others; of an answer that broke off, as far as the provider had told."""
    times: Spread = field(default_factory=Spread)
    """How long answered calls were waited for; while somebody has a piece of a stream, nobody waits."""
    first_tokens: Spread = field(default_factory=Spread)
    """How long it was to the first piece of text, where answers came in pieces."""
    waits: Spread = field(default_factory=Spread)
    """
    How long calls waited for their turn before their first token was computed, where
    the provider tells.
    """
    speed: Rate = field(default_factory=Rate)
    """
    The tokens of answers, over the time that their calls were waited for. Like
    ``decode`` it leaves out streams that were read more slowly than they came.
    """
    estimate: Rate = field(default_factory=Rate)
    """The same of what a class answered by itself: its tokens are estimated by the text's size."""
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
    def of(cls, response: Response, *, seller: str = "", processing: str = "") -> Metrics:
        """
        Return those of one call that brought *response*.

        Args:
            response: What it brought.

            seller: Whose prices it has.

            processing: ``"batch"`` where it came by one of the provider's own batches, for less.
        """
        timing, usage = response.timing, response.usage
        took: dict[str, Any] = {"uncounted": 1}
        if usage is not None:
            bill = Bill.of(seller or response.provider, response.model, usage, processing=processing)
            took = {"usage": usage, "bill": bill}
        if timing is not None and timing.first_token is not None:
            took["first_tokens"] = Spread.of(timing.first_token)
        if timing is not None and timing.queued is not None:
            took["waits"] = Spread.of(timing.queued)
        if response.finish_reason in CUT_SHORT:
            took[CUT_SHORT[response.finish_reason]] = 1
            return cls(**took)

        if timing is not None:
            took["times"] = Spread.of(timing.waited)
        if timing is not None and usage is not None:
            took |= rates(response, usage, timing)
        return cls(calls=1, **took)

    @classmethod
    def total(cls, parts: Iterable[Metrics]) -> Metrics:
        """Return all of *parts* in one: the same as to add them up, and faster."""
        every = tuple(parts)
        return cls(**{name: add([getattr(part, name) for part in every]) for name, add in SUMS.items()})

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as what JSON can hold; :meth:`from_dict` reads it."""
        return {
            **{name: getattr(self, name) for name in COUNTS},
            **{name: getattr(self, name).as_dict() for name in SPREADS},
            **{name: asdict(getattr(self, name)) for name in ("usage", *RATES)},
            "bill": self.bill.as_rows(),
        }

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Metrics:
        """
        Return what :meth:`as_dict` said.

        Raises:
            InvalidParameter: It is damaged.
        """
        return read(cls, given, READERS)

    @property
    def generation_time(self) -> float:
        """The seconds of all answered calls together."""
        return self.times.total

    @property
    def tokens_per_second(self) -> float | None:
        """
        The rate at which answers came, waiting included; None where nothing is known.

        Of a class that answers by itself it is estimated.
        """
        return self.estimate.per_second if self.speed.per_second is None else self.speed.per_second

    def cost(self) -> Cost:
        """
        Return what the calls cost by the list prices, as far as these are known.

        The first time loads the price list, which takes about half a second and no network.

        Raises:
            ConfigurationError: The price list is not installed; it is the ``prices`` extra.
        """
        usd, known = self.bill.cost()
        return Cost(usd=usd, calls=known, of=sum(self.bill.calls.values()) + self.uncounted)

    def __add__(self, other: Metrics) -> Metrics:
        return Metrics.total((self, other))

    def __str__(self) -> str:
        try:
            cost = str(self.cost())
        except ConfigurationError as error:
            cost = f"unknown: {error}"
        usage = self.usage
        missing = f", not counted for {self.uncounted:,} of the calls" if self.uncounted else ""
        estimate = f"; {self.estimate} estimated" if self.estimate.tokens else ""
        rows = {
            "calls":       f"{self.calls:,} answered, {self.errors:,} failed, {self.cancelled:,} cancelled, "
                           f"{self.retries:,} retries",
            "tokens in":   f"{usage.input_tokens:,} ({usage.cached_tokens:,} cached){missing}",
            "tokens out":  f"{usage.output_tokens:,} ({usage.reasoning_tokens:,} reasoning)",
            "time":        f"{self.generation_time:,.3g} s in all; {self.times}",
            "first token": str(self.first_tokens),
            "waited":      str(self.waits),
            "speed":       str(self.speed) + estimate,
            "prefill":     str(self.prefill),
            "decode":      str(self.decode),
            "cost":        cost,
        }  # fmt: skip
        if not self.waits.count:
            del rows["waited"]
        return "\n".join(f"{name:<13}{value}" for name, value in rows.items())


CUT_SHORT: Mapping[str, str] = {"cancelled": "cancelled", "error": "errors"}
"""As what an answer counts that is not all there, by the reason for its end."""

COUNTS = ("calls", "errors", "cancelled", "retries", "uncounted")
SPREADS = ("times", "first_tokens", "waits")
RATES = ("speed", "estimate", "prefill", "decode")

SUMS: Mapping[str, Callable[[Sequence[Any]], Any]] = {
    **dict.fromkeys(COUNTS, sum),
    **dict.fromkeys(SPREADS, Spread.sum),
    **dict.fromkeys(RATES, Rate.sum),
    "usage": usages,
    "bill":  Bill.sum,
}  # fmt: skip
"""How each field of several metrics becomes one."""

READERS: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(COUNTS, count),
    **dict.fromkeys(SPREADS, Spread.from_dict),
    **dict.fromkeys(RATES, Rate.from_dict),
    "usage": usage_of,
    "bill":  Bill.from_rows,
}  # fmt: skip
"""How each field comes back from JSON."""
