"""
A web service that streams answers, and stops generating when the client leaves.

    uv run uvicorn --app-dir examples fastapi_stream:app
    curl -N 'http://127.0.0.1:8000/answer?task=Tell+me+a+story'
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from typing import cast

from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from starlette.types import Send

from asyncllm import LLM

llm = LLM(max_tokens=1000, temperature=0)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
    async with llm:
        yield


class Answer(StreamingResponse):
    """Streams from a generator, and closes it however the response ends: that is what ends the call."""

    async def stream_response(self, send: Send) -> None:
        async with aclosing(cast("AsyncGenerator[str]", self.body_iterator)):
            await super().stream_response(send)


app = FastAPI(lifespan=lifespan)


@app.get("/answer")
async def answer(task: str) -> Answer:
    return Answer(pieces(task), media_type="text/plain")


async def pieces(task: str) -> AsyncGenerator[str]:
    async with llm.astream(task) as stream:
        try:
            async for piece in stream:
                yield piece
        finally:
            print(f"sent {len(stream.text)} characters", flush=True)
