"""A server on a real socket that answers as it is told."""

from __future__ import annotations

from collections import deque
from contextlib import ExitStack
from dataclasses import replace
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Self

from anyio.from_thread import start_blocking_portal

from ._reply import Recorded, Reply, Script

if TYPE_CHECKING:
    from ._connection import Connection

UNSCRIPTED = Reply(status=400, json={"error": {"message": "this ScriptedServer has no reply queued"}})
"""Said where nothing was scripted: a status that nobody tries again."""


class ScriptedServer:
    """
    An HTTP server on the loopback interface that answers with the replies it was given.

    ::

        with ScriptedServer() as server:
            server.reply(openai_error(429, "rate_limit_exceeded", headers={"retry-after": "0"}))
            server.reply(openai_answer("Hello!"))
            llm = LLM("openai:gpt-4.1", base_url=server.url + "/v1", api_key="k")
            assert llm.run("Hi") == "Hello!"
            assert len(server.requests) == 2

    It runs on an event loop of its own, in a thread of its own, so it serves tests
    on asyncio and on trio as well as synchronous ones. What a reply's function
    raises stops the server, and is raised where the ``with`` block ends.
    """

    def __init__(self) -> None:
        self._script: deque[Script] = deque()
        self._current: Script = UNSCRIPTED
        self._left: SimpleQueue[Recorded] = SimpleQueue()
        self._running = 0
        self._stack = ExitStack()
        self.url = ""
        """Where it listens, as in ``http://127.0.0.1:34567``, from the block's beginning on."""
        self.requests: list[Recorded] = []
        """The requests, in the order in which they came."""
        self.connections = 0
        """How many connections are open now."""
        self.connections_seen = 0
        """How many there were in all."""
        self.most_running = 0
        """How many requests were under way at a time, at most."""

    def reply(self, reply: Script | None = None, **fields: Any) -> None:
        """
        Queue an answer for the next request; the last one queued stays for all that follow.

        Args:
            reply: A :class:`Reply`, or a function that makes one from the request.

            fields: A reply's fields; they win over those of *reply*, where it is no function.
        """
        if not callable(reply):
            reply = replace(reply or Reply(), **fields)
        elif fields:
            raise TypeError("a reply's function sets the fields itself")
        self._script.append(reply)

    def wait_for_disconnect(self, timeout: float = 5) -> Recorded:
        """
        Return the next request whose client left before the reply was finished.

        Each is returned once. It blocks: await it in a thread where other tasks of
        the test must go on meanwhile.

        Raises:
            TimeoutError: Within *timeout* seconds no client left.
        """
        try:
            return self._left.get(timeout=timeout)
        except Empty:
            raise TimeoutError(f"no client left within {timeout:g} s") from None

    def __enter__(self) -> Self:
        # h11 comes with the extras that speak HTTP; FakeProvider, next door, does without.
        from ._connection import listen  # noqa: PLC0415

        with ExitStack() as stack:
            portal = stack.enter_context(start_blocking_portal(name="ScriptedServer"))
            serving, (port, stop) = portal.start_task(listen, self._talk)
            stack.callback(serving.result)
            stack.callback(portal.call, stop)
            self.url = f"http://127.0.0.1:{port}"
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stack.close()

    async def _talk(self, connection: Connection) -> None:
        self.connections += 1
        self.connections_seen += 1
        try:
            while request := await connection.request():
                await self._answer(connection, request)
        finally:
            self.connections -= 1

    async def _answer(self, connection: Connection, request: Recorded) -> None:
        self._running += 1
        self.most_running = max(self.most_running, self._running)
        self.requests.append(request)
        try:
            if not await connection.answer(self._next(request)):
                request.disconnected.set()
                self._left.put(request)
        finally:
            self._running -= 1

    def _next(self, request: Recorded) -> Reply:
        if self._script:
            self._current = self._script.popleft()
        return self._current(request) if callable(self._current) else self._current
