"""What calls cost, where their prices are known."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from ._types import Usage
from .errors import ConfigurationError

STEP = 1000
"""Prices change with the length of a prompt, and do so at round numbers."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """The tokens that were used, by what has a price of its own; ``+`` merges two."""

    calls: Mapping[Kind, int] = field(default_factory=dict[Kind, int])
    usages: Mapping[Kind, Usage] = field(default_factory=dict[Kind, Usage])

    @classmethod
    def of(cls, seller: str, model: str, usage: Usage) -> Bill:
        """Return that of a single call."""
        kind = Kind(seller, model, max(usage.input_tokens - 1, 0) // STEP)
        return cls(calls={kind: 1}, usages={kind: usage})

    def __add__(self, other: Bill) -> Bill:
        calls, usages = dict(self.calls), dict(self.usages)
        for kind, usage in other.usages.items():
            known = kind in usages
            calls[kind] = calls[kind] + other.calls[kind] if known else other.calls[kind]
            usages[kind] = usages[kind] + usage if known else usage
        return Bill(calls=calls, usages=usages)

    def cost(self) -> tuple[Decimal, int]:
        """
        Return the dollars, and how many calls they are for.

        Raises:
            ConfigurationError: The price list is not installed.
        """
        prices = [(_price(kind, self.usages[kind], calls), calls) for kind, calls in self.calls.items()]
        known = [(price, calls) for price, calls in prices if price is not None]
        return sum((price for price, _ in known), Decimal(0)), sum(calls for _, calls in known)


def _price(kind: Kind, usage: Usage, calls: int) -> Decimal | None:
    prices: Any = _price_list()
    # Of the mean call: the sum of many would count as one with a long prompt, which costs more.
    tokens = prices.Usage(
        input_tokens=Decimal(usage.input_tokens) / calls,
        output_tokens=Decimal(usage.output_tokens) / calls,
        cache_read_tokens=Decimal(usage.cached_tokens) / calls,
        cache_write_tokens=Decimal(usage.cache_write_tokens) / calls,
    )
    where = {"provider_api_url" if "://" in kind.seller else "provider_id": kind.seller}
    try:
        price: Decimal = prices.calc_price(tokens, kind.model, **where).total_price
    except (LookupError, ValueError):
        # No price: a model in this process, say, or on a server of one's own. Or counts that
        # contradict each other, as of a server that leaves cached tokens out of its total.
        return None
    return price * calls


def _price_list() -> Any:
    try:
        return importlib.import_module("genai_prices")
    except ImportError as exc:
        raise ConfigurationError(
            "costs need the price list of genai-prices: pip install 'asyncllm-framework[prices]'"
        ) from exc
