"""One call, as a provider gets it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ._types import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call in the provider's own words."""

    model: str
    messages: tuple[Message, ...]
    options: Mapping[str, Any]
    """What the table's rows made of the parameters: keys for the body, absent where not set."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Headers that the rows asked for."""
    like: str | None = None
    """The model whose table was applied, where that is another (``like=``)."""
