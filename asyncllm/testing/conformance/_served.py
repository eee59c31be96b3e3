"""What is tried over HTTP: the provider, and what its vendor's server says."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, cast

import pytest

from asyncllm import LLM
from asyncllm.testing._reply import Recorded, Reply
from asyncllm.testing._server import ScriptedServer

from ._expect import expect_none
from ._subject import PIECES, Make, Subject


class HTTPSubject(Subject, ABC):
    """A provider that speaks HTTP, and what its server says."""

    nowhere = "http://127.0.0.1:9"

    @abstractmethod
    def settings(self, url: str) -> Mapping[str, Any]: ...

    @abstractmethod
    def answer(self, text: str) -> Reply:
        """Return what the vendor's server sends for a whole answer that says *text*."""

    @abstractmethod
    def stream(self, *pieces: str) -> Reply:
        """Return what it streams for an answer in *pieces*: one event or line for each, and more around."""

    def answers(self, *texts: str, stream: bool) -> Reply | None:
        """Return what it sends for several answers to one call; needed where a table has them natively."""

    def reasoned(self, thought: str, text: str, *, stream: bool) -> Reply | None:
        """Return what it sends for an answer that was thought about, where it shows what was thought."""

    def error(self, status: int, message: str) -> Reply:
        """Return the error that it sends with *status*."""
        return Reply(status=status, json={"error": {"message": message}})

    def is_stream(self, request: Recorded) -> bool:
        """Say whether *request* asks for a stream; by default where its body says ``"stream": true``."""
        body: Any = request.body
        return isinstance(body, Mapping) and bool(cast("Mapping[str, Any]", body).get("stream"))

    def says(self, request: Recorded, *pieces: str) -> Reply:
        """Return the answer to *request*, streamed or not, as it asks."""
        return self.stream(*pieces) if self.is_stream(request) else self.answer("".join(pieces))

    @pytest.fixture
    def server(self) -> Iterator[ScriptedServer]:
        """Return the vendor's server, which answers until it is told otherwise."""
        said: dict[str, object] = {
            "answer(text)": self.answer("Hi"),
            "stream(*pieces)": self.stream("Hi"),
            "error(status, message)": self.error(400, "No."),
        }
        expect_none(
            (f"{hook} returned {reply!r}" for hook, reply in said.items() if not isinstance(reply, Reply)),
            "what the server sends is an asyncllm.testing.Reply: return Reply(json=…), Reply(events=[…]) or "
            "Reply(lines=[…]), with status= where it is an error",
        )
        with ScriptedServer() as server:
            yield server

    @pytest.fixture
    def make(self, server: ScriptedServer) -> Make:
        def make(**given: Any) -> LLM:
            return self.llm(server.url, **given)

        server.reply(lambda request: self.says(request, *PIECES))
        return make
