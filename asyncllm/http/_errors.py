"""What can go wrong below any SDK."""

from __future__ import annotations

from types import MappingProxyType

import httpx2

from asyncllm.errors import ErrorTable, InvalidResponse, TimedOut, Unavailable

TRANSPORT_ERRORS: ErrorTable = MappingProxyType(
    {
        httpx2.TimeoutException: TimedOut,
        httpx2.TransportError:   Unavailable,
        httpx2.DecodingError:    InvalidResponse,
        httpx2.SSEError:         InvalidResponse,
        UnicodeDecodeError:      InvalidResponse,
    }
)  # fmt: skip
"""Rows for a provider's table: what can go wrong below any SDK, and sometimes gets past it."""
