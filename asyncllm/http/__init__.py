"""
What providers that speak HTTP share: one pool of connections in each event loop, and the way to ask.

For plugin authors. :class:`HTTPProvider` is nearly a whole provider; one that
needs another shape takes the pool when it opens and gives it back when it closes::

    async def aopen(self) -> None:
        self._client = AsyncOpenAI(http_client=await http.acquire(), max_retries=0)

    async def aclose(self) -> None:
        await http.release()
"""

from ._allowances import AllowanceHeaders
from ._batches import Frame, HTTPBatchAPI, Reader, in_path
from ._connections import acquire, gauges, release
from ._errors import TRANSPORT_ERRORS
from ._events import content, events, lines, received
from ._plain import PlainClient, ServerError, StatusError
from ._provider import HTTPProvider, Surface
from ._settings import checked_headers, checked_text, checked_url

__all__ = [
    "TRANSPORT_ERRORS",
    "AllowanceHeaders",
    "Frame",
    "HTTPBatchAPI",
    "HTTPProvider",
    "PlainClient",
    "Reader",
    "ServerError",
    "StatusError",
    "Surface",
    "acquire",
    "checked_headers",
    "checked_text",
    "checked_url",
    "content",
    "events",
    "gauges",
    "in_path",
    "lines",
    "received",
    "release",
]
