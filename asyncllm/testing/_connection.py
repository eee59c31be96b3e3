"""The connections of a scripted server: requests in, replies out."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import h11
from anyio.abc import SocketAttribute, SocketStream, TaskStatus

from ._reply import Recorded, Reply

GONE = (anyio.EndOfStream, anyio.BrokenResourceError)
"""How it shows that the client has left."""

BACKLOG = 4096
"""How many may connect at the very same time."""

AT_ONCE = struct.pack("ii", 1, 0)
"""The value of SO_LINGER that turns closing into a reset."""


async def listen(
    talk: Callable[[Connection], Awaitable[None]],
    *,
    task_status: TaskStatus[tuple[int, Callable[[], None]]],
) -> None:
    """Listen on the loopback interface, tell the port and how to stop, and *talk* to whoever connects."""

    async def connected(raw: socket.socket) -> None:
        with raw:
            # Else a reply in several pieces waits 40 ms for the client to say that the first has come.
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                stream = await SocketStream.from_socket(raw)
            except ValueError:  # The client has left again.
                return

            async with stream:
                await talk(Connection(stream))

    with socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) as listening:
        listening.setblocking(False)
        async with anyio.create_task_group() as group:
            task_status.started((listening.getsockname()[1], group.cancel_scope.cancel))
            while True:
                # A listener of anyio's that is cancelled just as somebody connects leaks the socket.
                await anyio.wait_readable(listening)
                group.start_soon(connected, listening.accept()[0])


class Connection:
    """HTTP/1.1 over *stream*, from the server's side."""

    def __init__(self, stream: SocketStream) -> None:
        self._stream = stream
        self._h11 = h11.Connection(h11.SERVER)

    async def request(self) -> Recorded | None:
        """Wait for the next request; None where there will be none."""
        body: list[bytes] = []
        try:
            if self._h11.our_state is not h11.IDLE:
                self._h11.start_next_cycle()
            head = await self._event()
            while isinstance(data := await self._event(), h11.Data):
                body.append(data.data)
        except (*GONE, h11.ProtocolError):
            return None

        if not isinstance(head, h11.Request):
            return None

        return Recorded(
            method=head.method.decode(),
            path=head.target.decode(),
            headers={name.decode(): value.decode("latin-1") for name, value in head.headers},
            body=_parsed(b"".join(body)),
        )

    async def answer(self, reply: Reply) -> bool:
        """Send *reply*; return whether the client stayed until it was finished."""
        left = False

        # Without somebody who reads, a client that leaves goes unnoticed until something is sent.
        async def watch() -> None:
            nonlocal left
            with contextlib.suppress(*GONE):
                while True:
                    self._h11.receive_data(await self._stream.receive())
            left = left or self._unfinished
            group.cancel_scope.cancel()

        async with anyio.create_task_group() as group:
            group.start_soon(watch)
            try:
                await self._send_reply(reply)
            except anyio.BrokenResourceError:
                left = True
            group.cancel_scope.cancel()
        return not left

    @property
    def _unfinished(self) -> bool:
        return self._h11.our_state in {h11.SEND_RESPONSE, h11.SEND_BODY}

    async def _send_reply(self, reply: Reply) -> None:
        if reply.hold:
            await anyio.sleep_forever()
        headers = list(reply.full_headers().items())
        await self._send(h11.Response(status_code=reply.status, headers=headers))
        for piece in reply.pieces():
            await anyio.sleep(reply.pause)
            await self._send(h11.Data(data=piece))
        if reply.hold_after is not None:
            await anyio.sleep_forever()
        if reply.reset_after is None:
            await self._send(h11.EndOfMessage())
        else:
            # Half a message is no turn to go on from, so the connection closes next.
            raw = self._stream.extra(SocketAttribute.raw_socket)  # noqa: S610  # this is no Django
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)

    async def _send(self, event: h11.Event) -> None:
        if data := self._h11.send(event):
            await self._stream.send(data)

    async def _event(self) -> object:
        while (event := self._h11.next_event()) is h11.NEED_DATA:
            self._h11.receive_data(await self._stream.receive())
        return event


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body
