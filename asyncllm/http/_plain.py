"""A client for APIs without an SDK."""

from __future__ import annotations

import json
from collections.abc import AsyncIterable, Mapping
from contextlib import suppress
from typing import Any, cast

import httpx2

from ._events import content as whole


class StatusError(Exception):
    """
    The server answered with a status that is no success.

    A row for a provider's table. Its *code* and *type* are the body's words, which
    rows of their own may name, and its *status_code* means what it means everywhere
    (:data:`asyncllm.errors.BY_STATUS`).
    """

    def __init__(self, response: httpx2.Response, content: bytes, *, request_id: str | None = None) -> None:
        words, fields = _read(content)
        status = f"{response.status_code} {httpx2.codes.get_reason_phrase(response.status_code)}".rstrip()
        super().__init__(words or f"the server answered {status}")
        self.response = response
        self.status_code = response.status_code
        self.code = _text(fields.get("code"))
        self.type = _text(fields.get("type"))
        self.request_id = request_id


class ServerError(StatusError):
    """The status says that it is the server's fault: asking again may help."""


class PlainClient:
    """
    What an :class:`HTTPProvider` posts with where there is no SDK.

    Args:
        pool: The connections.

        base_url: The server's address.

        bearer: A key, sent as ``Authorization: Bearer …``.

        headers: Sent along with every request; they win over the key.

        id_header: The header that holds an answer's id.
    """

    def __init__(
        self,
        pool: httpx2.AsyncClient,
        *,
        base_url: str,
        bearer: str | None = None,
        headers: Mapping[str, str] | None = None,
        id_header: str = "x-request-id",
    ) -> None:
        self._pool = pool
        self._base_url = base_url.rstrip("/")
        self._headers = httpx2.Headers({"authorization": f"Bearer {bearer}"} if bearer else None)
        self._headers.update(headers)
        self._id_header = id_header

    async def post(
        self,
        path: str,
        *,
        content: bytes | AsyncIterable[bytes],
        options: Mapping[str, Any],
        **_sdk_only: Any,
    ) -> httpx2.Response:
        """
        Post *content* and return the answer, of which only the headers have been read.

        Args:
            path: Below the server's address.

            content: The body.

            options: Under ``headers``, those of this request.

        Raises:
            StatusError: The status is no success.
        """
        return await self._sent("POST", path, options, content)

    async def get(self, path: str, *, options: Mapping[str, Any], **_sdk_only: Any) -> httpx2.Response:
        """Ask for what is at *path*, as :meth:`post` sends."""
        return await self._sent("GET", path, options)

    async def _sent(
        self,
        method: str,
        path: str,
        options: Mapping[str, Any],
        content: bytes | AsyncIterable[bytes] | None = None,
    ) -> httpx2.Response:
        headers = httpx2.Headers(self._headers)
        headers.update(options.get("headers"))
        request = self._pool.build_request(method, self._base_url + path, content=content, headers=headers)
        answer = await self._pool.send(request, stream=True)
        if answer.is_success:
            return answer

        said = b""
        try:
            # What the status says is known, and worth more than how the rest of the answer ended.
            with suppress(httpx2.HTTPError):
                said = await whole(answer)
        finally:
            await answer.aclose()
        kind = ServerError if answer.is_server_error else StatusError
        raise kind(answer, said, request_id=answer.headers.get(self._id_header))


def _read(content: bytes) -> tuple[str, Mapping[str, Any]]:
    """Return the words of an error's body, and the fields that stand beside them."""
    text = content.decode("utf-8", "replace").strip()
    try:
        body = _fields(json.loads(content))
    except (ValueError, RecursionError):
        return text, {}

    inner = _fields(body.get("error"))
    words = (inner.get("message"), body.get("error"), body.get("message"), body.get("detail"))
    return next(filter(None, map(_text, words)), text), inner or body


def _fields(value: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
