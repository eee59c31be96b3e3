"""A provider that answers without a network."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import ClassVar

import anyio

from asyncllm._types import Usage
from asyncllm._vocabulary import PARAMETERS, Params
from asyncllm.provider import Delta, Provider, Request, Table
from asyncllm.rules import Native, Rules

OURS = {"role", "timeout", "provider_options", "num_return_sequences", "max_length"}
"""What asyncllm does itself, so that programs can be tested with it."""

NATIVE: Rules = {name: Native() for name in PARAMETERS if name not in OURS}


class FakeProvider(Provider):
    """
    Answers with *reply*, word by word, and keeps every request that it was sent in ``requests``.

    ::

        fake = FakeProvider(reply=lambda request: request.messages[-1].text.upper())
        llm = LLM("any-model", provider=lambda: fake)

    Args:
        reply: The answer to a request, or what makes it; raise in it to fail.

        reasoning: What is thought before it, or what makes that; by default nothing is.

        rules: The provider's table; every parameter is native by default.

        pause: Seconds before each piece.
    """

    errors: ClassVar = {}
    tables = (Table(name="any", model="any-model"),)

    def __init__(
        self,
        *,
        reply: str | Callable[[Request], str] = "ok",
        reasoning: str | Callable[[Request], str] = "",
        rules: Rules | None = None,
        pause: float = 0,
    ) -> None:
        self._reply = reply
        self._reasoning = reasoning
        self._rules = NATIVE if rules is None else rules
        self._pause = pause
        self.requests: list[Request] = []
        """The requests, in the order in which they came."""
        self.running = 0
        """How many calls are under way."""
        self.most_running = 0
        """How many were at a time, at most."""
        self.opened = 0
        self.closed = 0

    def rules(self, model: str, params: Params) -> Rules:
        return self._rules

    async def aopen(self) -> None:
        self.opened += 1

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncGenerator[AsyncIterator[Delta]]:
        self.requests.append(request)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            yield self._deltas(request)
        finally:
            self.running -= 1

    async def aclose(self) -> None:
        self.closed += 1

    async def _deltas(self, request: Request) -> AsyncGenerator[Delta]:
        thought, said = _words(self._reasoning, request), _words(self._reply, request)
        thoughts = [Delta(reasoning=word) for word in thought if word]
        for delta in (*thoughts, *(Delta(text=word) for word in said)):
            await anyio.sleep(self._pause)
            yield replace(delta, model=request.model, request_id="fake")
        usage = Usage(
            input_tokens=sum(len(message.text.split()) for message in request.messages),
            output_tokens=len(thoughts) + len(said),
            reasoning_tokens=len(thoughts),
        )
        yield Delta(finish_reason="stop", usage=usage)


def _words(told: str | Callable[[Request], str], request: Request) -> list[str]:
    """Return the words of what is *told*, each with the space before it."""
    first, *others = (told if isinstance(told, str) else told(request)).split(" ")
    return [first, *(" " + word for word in others)]
