"""Vendors that take batches, scripted, and what asks them."""

import json
import time
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.lowlevel

from asyncllm._retry import Retry
from asyncllm._types import Message, Response
from asyncllm.batch._remote import Patience, RemoteBatch, remote
from asyncllm.provider import Request
from asyncllm.testing import AnthropicBatchServer, OpenAIBatchServer
from asyncllm_anthropic import AnthropicProvider
from asyncllm_openai import OpenAIProvider

KEY = "sk-made-up-key-for-tests"
SOON = Patience(first=0.001, growth=1, longest=0.001, settling=0, crowded=0)
AT_ONCE = Retry(attempts=3, wait_initial=0)


def openai(url):
    return OpenAIProvider(base_url=url + "/v1", api_key=KEY, dialect="openai")


def anthropic(url):
    return AnthropicProvider(base_url=url, api_key=KEY)


VENDORS = {
    "openai":    (openai, OpenAIBatchServer, "gpt-4.1"),
    "anthropic": (anthropic, AnthropicBatchServer, "claude-sonnet-4-6"),
}  # fmt: skip


def asked(text, model):
    return Request(model=model, messages=(Message("user", text),), options={"max_tokens": 50})


class Items:
    """Keys and requests, and how many of them were taken."""

    def __init__(self, texts, model):
        self._texts = texts
        self._model = model
        self.taken = 0

    async def __aiter__(self):
        for text in self._texts:
            self.taken += 1
            yield f"key-{text}", asked(text, self._model)
            await anyio.lowlevel.checkpoint()


class FileLedger:
    """A ledger in a file of JSON lines, as simple as can be."""

    def __init__(self, path):
        self._path = Path(path)

    def _write(self, *said):
        with self._path.open("a") as file:
            file.write(json.dumps(said) + "\n")

    async def plan_remote(self, tag, keys):
        self._write("plan", tag, list(keys), time.time())

    async def submitted(self, tag, id):  # noqa: A002
        self._write("submitted", tag, id)

    async def ended_remote(self, tag):
        self._write("ended", tag)

    def done(self, key):
        self._write("done", key)

    @property
    def said(self):
        return (
            [json.loads(line) for line in self._path.read_text().splitlines()] if self._path.exists() else []
        )

    async def remotes(self):
        said = self.said
        ids = {line[1]: line[2] for line in said if line[0] == "submitted"}
        ended = {line[1] for line in said if line[0] == "ended"}
        done = {line[1] for line in said if line[0] == "done"}
        return [
            RemoteBatch(tag=tag, keys=keys, id=ids.get(tag), planned=planned, done=done & set(keys))
            for kind, tag, *rest in said
            if kind == "plan" and tag not in ended
            for keys, planned in [rest]
        ]


@asynccontextmanager
async def opened(make, url):
    provider = make(url)
    try:
        await provider.aopen()
        yield provider
    finally:
        await provider.aclose()


async def collected(provider, items, **options):
    """Return what became of each key, and in how many batches it was."""
    found = {}
    async with remote(provider, aiter(items), **({"patience": SOON, "retry": AT_ONCE} | options)) as outcomes:
        async for key, outcome, attempts in outcomes:
            assert key not in found
            found[key] = (outcome.text if isinstance(outcome, Response) else outcome, attempts)
    return found


async def until(holds):
    """Wait for what only the server's own thread brings about."""
    while not holds():  # noqa: ASYNC110  # nothing of ours happens that could tell
        await anyio.sleep(0.005)
