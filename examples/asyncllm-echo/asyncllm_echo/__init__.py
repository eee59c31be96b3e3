"""A provider that says what it hears."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar

from anyio.lowlevel import checkpoint

from asyncllm.errors import ErrorTable, Unavailable
from asyncllm.provider import Delta, Params, Provider, Request, Table, Usage
from asyncllm.rules import Leading, Native, Rules, Unsupported


class Hoarse(Exception):
    """An error of the echo's own, as an SDK has them."""


class EchoProvider(Provider):
    """
    Says what it hears, word by word.

    Args:
        shout: Say it louder.
    """

    errors: ClassVar[ErrorTable] = {Hoarse: Unavailable}
    tables = (Table(name="any echo", model="echo-1"),)

    def __init__(self, *, shout: bool = False) -> None:
        self._shout = shout

    def rules(self, model: str, params: Params) -> Rules:
        return {
            "max_tokens":    Native(within=(1, 1000)),
            "system_prompt": Leading("system"),
            "seed":          Unsupported("an echo has no chance in it"),
        }  # fmt: skip

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncGenerator[AsyncIterator[Delta]]:
        yield self._echo(request)

    async def _echo(self, request: Request) -> AsyncGenerator[Delta]:
        heard = request.messages[-1].text.split(" ")
        said = heard[: request.options.get("max_tokens", 1000)]
        if "ahem" in said:
            raise Hoarse("the echo has lost its voice")
        for number, word in enumerate(said):
            await checkpoint()
            text = word if number == 0 else " " + word
            yield Delta(text=text.upper() if self._shout else text)
        ended = "length" if len(said) < len(heard) else "stop"
        yield Delta(finish_reason=ended, usage=Usage(input_tokens=len(heard), output_tokens=len(said)))
