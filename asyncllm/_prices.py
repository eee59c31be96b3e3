"""What calls cost, where their prices are known."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from decimal import Decimal
from typing import Any, NamedTuple, cast

from ._figures import count, read, rows, several, text
from ._types import Usage
from .errors import ConfigurationError

STEP = 1000
"""Prices change with the length of a prompt, and do so at round numbers."""

TOKENS = tuple(each.name for each in fields(Usage))


def usage_of(given: Any) -> Usage:
    """
    Return the tokens that ``dataclasses.asdict`` said.

    Raises:
        InvalidParameter: They are damaged.
    """
    return read(Usage, given, dict.fromkeys(TOKENS, count))


def usages(parts: Iterable[Usage]) -> Usage:
    """Return all of *parts* in one."""
    every = tuple(parts)
    return Usage(**{name: sum([getattr(part, name) for part in every]) for name in TOKENS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What calls cost by the list prices, as an estimate: discounts and service tiers are not in it."""

    usd: Decimal
    """US dollars."""
    calls: int
    """How many calls that is for."""
    of: int
    """How many there were; what the others cost is not known."""

    def __str__(self) -> str:
        if not self.calls:
            return "unknown"

        dollars = f"${self.usd:,.2f}" if self.usd >= 1 else f"${self.usd:.3g}"
        return dollars if self.calls == self.of else f"{dollars} for {self.calls} of {self.of} calls"


class Kind(NamedTuple):
    """Calls of a kind have the same prices."""

    seller: str
    """A provider's name, or the address of the server that was asked."""
    model: str
    length: int
    """How long their prompts are, in steps."""
    processing: str = ""
    """The price list's word for calls that have other prices: ``"batch"`` for a provider's own batches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """The tokens that were used, by what has a price of its own; ``+`` merges two."""

    calls: Mapping[Kind, int] = field(default_factory=dict[Kind, int])
    usages: Mapping[Kind, Usage] = field(default_factory=dict[Kind, Usage])

    @classmethod
    def of(cls, seller: str, model: str, usage: Usage, *, processing: str = "") -> Bill:
        """Return that of a single call."""
        kind = Kind(seller, model, max(usage.input_tokens - 1, 0) // STEP, processing)
        return cls(calls={kind: 1}, usages={kind: usage})

    @classmethod
    def sum(cls, parts: Iterable[Bill]) -> Bill:
        """Return all of *parts* in one."""
        calls: dict[Kind, int] = {}
        found: dict[Kind, list[Usage]] = {}
        for part in parts:
            for kind, usage in part.usages.items():
                calls[kind] = calls.get(kind, 0) + part.calls[kind]
                found.setdefault(kind, []).append(usage)
        return cls(calls=calls, usages={kind: usages(each) for kind, each in found.items()})

    def as_rows(self) -> list[dict[str, Any]]:
        """Return it as what JSON can hold."""
        return [
            {**kind._asdict(), "calls": calls, "usage": asdict(self.usages[kind])}
            for kind, calls in self.calls.items()
        ]

    @classmethod
    def from_rows(cls, given: Any) -> Bill:
        """
        Return what :meth:`as_rows` said.

        Raises:
            InvalidParameter: It is damaged.
        """
        return cls.sum(read(_Row, _complete(row), ROW).bill for row in rows(given))

    def __add__(self, other: Bill) -> Bill:
        return Bill.sum((self, other))

    def cost(self) -> tuple[Decimal, int]:
        """
        Return the dollars, and how many calls they are for.

        Raises:
            ConfigurationError: The price list is not installed.
        """
        prices = [(_price(kind, self.usages[kind], calls), calls) for kind, calls in self.calls.items()]
        known = [(price, calls) for price, calls in prices if price is not None]
        return sum((price for price, _ in known), Decimal(0)), sum(calls for _, calls in known)


class _Row(NamedTuple):
    """A line of a bill."""

    seller: str
    model: str
    length: int
    processing: str
    calls: int
    usage: Usage

    @property
    def bill(self) -> Bill:
        kind = Kind(self.seller, self.model, self.length, self.processing)
        return Bill(calls={kind: self.calls}, usages={kind: self.usage})


ROW = {
    "seller": text, "model": text, "length": count, "processing": text, "calls": several, "usage": usage_of,
}  # fmt: skip


def _complete(row: Any) -> Any:
    """Return *row* with what was not written down when all calls were processed alike."""
    return {"processing": "", **cast("dict[str, Any]", row)} if isinstance(row, dict) else row


def _price(kind: Kind, usage: Usage, calls: int) -> Decimal | None:
    prices: Any = price_list()
    # Of the mean call: the sum of many would count as one with a long prompt, which costs more.
    tokens = prices.Usage(
        input_tokens=Decimal(usage.input_tokens) / calls,
        output_tokens=Decimal(usage.output_tokens) / calls,
        cache_read_tokens=Decimal(usage.cached_tokens) / calls,
        cache_write_tokens=Decimal(usage.cache_write_tokens) / calls,
    )
    where: dict[str, Any] = {"provider_api_url" if "://" in kind.seller else "provider_id": kind.seller}
    if kind.processing:  # Where the list knows no price for it, it takes the usual one.
        where["price_context"] = {"processing": kind.processing}
    try:
        price: Decimal = prices.calc_price(tokens, kind.model, **where).total_price
    except (LookupError, ValueError):
        # No price: a model in this process, say, or on a server of one's own. Or counts that
        # contradict each other, as of a server that leaves cached tokens out of its total.
        return None
    return price * calls


def price_list() -> Any:
    try:
        return importlib.import_module("genai_prices")
    except ImportError as exc:
        raise ConfigurationError(
            "costs need the price list of genai-prices: pip install 'asyncllm-framework[prices]'"
        ) from exc
