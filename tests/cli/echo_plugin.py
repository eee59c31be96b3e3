"""A provider whose models are ways to behave; conftest.py installs it as ``asyncllm_echo``."""

from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel

from asyncllm import (
    AuthenticationFailed,
    MissingAPIKey,
    QuotaExceeded,
    RateLimited,
    RequestRejected,
    Unavailable,
    Usage,
)
from asyncllm.provider import Delta, Provider
from asyncllm.rules import Native, Unsupported

FAILURES = {
    "echo-refused": RequestRejected("no\n[/red] such \x1b[31mthing", request_id="req_1"),
    "echo-stranger": AuthenticationFailed("who are you?"),
    "echo-broke": QuotaExceeded("no credit left"),
    "echo-busy": RateLimited("too many requests", retry_after=3600),
    "echo-down": Unavailable("try later", retry_after=3600),
    "echo-keyless": MissingAPIKey("set ECHO_API_KEY"),
    "echo-bug": RuntimeError("sk-setting-0123456789 and sk-environ-0123456789 broke it"),
}


class EchoProvider(Provider):
    def __init__(self, *, log=None, reply=None, api_key=None):
        self.log = log
        self.reply = reply

    def rules(self, model, params):
        return {
            "temperature": Native(within=(0, 1)),
            "seed": Unsupported("echoes are always the same"),
            "stop_token": Native(),
            "max_tokens": Native(),
        }

    @asynccontextmanager
    async def stream(self, request):
        if request.model in FAILURES:
            raise FAILURES[request.model]
        try:
            yield self.deltas(request)
        finally:
            if self.log:
                with anyio.CancelScope(shield=True):
                    await anyio.Path(self.log).write_text("ended")

    async def deltas(self, request):
        options = str(dict(request.options)) if request.model == "echo-options" else None
        text = self.reply or options or request.messages[-1].text
        words = text.split(" ")
        if request.model == "echo-thinker":
            for thought in ("Hm \x1b[31m", "[bold], an echo."):
                yield Delta(reasoning=thought)
        for number, word in enumerate(words):
            yield Delta(text=word if number == 0 else " " + word, model=request.model, request_id="req_2")
        if request.model == "echo-forever":
            await anyio.sleep_forever()
        while request.model == "echo-endless":
            await anyio.lowlevel.checkpoint()
            yield Delta(text=" and so on" * 100)
        if request.model != "echo-cut":
            usage = Usage(input_tokens=4, output_tokens=len(words), cached_tokens=3, reasoning_tokens=1)
            yield Delta(finish_reason="stop", usage=usage)
