"""llama.cpp's own server, in a process of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx2
import psutil
from anyio.streams.text import TextReceiveStream

from asyncllm.cli._bench_calls import Clock, Timed

from .match import Match, Spent
from .workloads import Task

PACKAGE = "xllamacpp"
"""The distribution that brings the server."""
SERVE = Path(__file__).with_name("serve.py")
EVENT = "data: {"


class Server:
    """
    A server that sleeps while it is not its turn.

    Calls are streamed, and of the events only the first and the last are read: what
    the client takes of the processor, it takes from the server.
    """

    def __init__(self, client: httpx2.AsyncClient, process: psutil.Process, match: Match) -> None:
        self._client = client
        self._process = process
        self._fixed = {
            "stream": True,
            "stream_options": {"include_usage": True},
            "temperature": 0,
            "max_tokens": match.max_tokens,
            "logit_bias": {str(token): -100 for token in match.ends},
        }

    async def ask(self, task: Task) -> Timed:
        clock = Clock()
        usage: dict[str, Any] = {}
        body = {**self._fixed, "messages": task.messages}
        async with self._client.stream("POST", "/v1/chat/completions", json=body) as response:
            if response.is_error:
                raise RuntimeError(f"the server answered {response.status_code}: {await response.aread()!r}")
            async for line in response.aiter_lines():
                if line.startswith(EVENT) and (not clock.has_begun or '"usage"' in line):
                    event = json.loads(line.removeprefix("data: "))
                    if any(choice["delta"].get("content") for choice in event["choices"]):
                        clock.piece()
                    usage = event.get("usage") or usage
        details = usage.get("prompt_tokens_details") or {}
        known = {"prompt_tokens": usage.get("prompt_tokens"), "cached_tokens": details.get("cached_tokens")}
        return clock.over(usage.get("completion_tokens"), **known)

    async def wake(self) -> None:
        self._process.resume()

    async def rest(self) -> None:
        # Not only idle but stopped: whatever its threads do while they wait, they do not do it now.
        self._process.suspend()

    async def spent(self) -> Spent | None:
        return None


def opening(python: str, told: dict[str, Any]) -> Callable[[Match], Any]:
    """Return what starts a server on *python*; what the server says of itself is put into *told*."""

    @asynccontextmanager
    async def opened(match: Match) -> AsyncGenerator[Server]:
        wanted = {
            "model": str(match.model),
            "slots": match.at_once,
            "room": match.room,
            "threads": match.threads,
            "gpu_layers": match.gpu_layers,
        }
        command = [python, str(SERVE), json.dumps(wanted)]
        with tempfile.TemporaryFile() as log:
            async with await anyio.open_process(command, stderr=log) as process:
                try:
                    told.update(await _greeting(process, log))
                    limits = httpx2.Limits(max_connections=None)
                    async with httpx2.AsyncClient(
                        base_url=told["address"], timeout=None, limits=limits, trust_env=False
                    ) as client:
                        yield Server(client, psutil.Process(process.pid), match)
                finally:
                    process.kill()

    return opened


@contextmanager
def python_of_its_own(named: str | None) -> Generator[str]:
    """
    Give a Python that has the server: the one that was *named*, or one that is made for now.

    Raises:
        SystemExit: It cannot be made.
    """
    if named is not None:
        yield named
        return

    uv = shutil.which("uv")
    if uv is None:
        sys.exit(f"llama.cpp's server needs uv, or --server-python: the path of a Python that has {PACKAGE}")
    with tempfile.TemporaryDirectory(prefix="llama-server-") as folder:
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
        python = str(next(Path(folder).glob("[bS]*/python*")))
        subprocess.run([uv, "pip", "install", "--quiet", "--python", python, PACKAGE], check=True)
        yield python


async def _greeting(process: anyio.abc.Process, log: Any) -> dict[str, Any]:
    """Wait for the line that the server prints once it listens."""
    printed = ""
    assert process.stdout is not None
    async for piece in TextReceiveStream(process.stdout):
        printed += piece
        for line in printed.splitlines(keepends=True):
            if line.startswith('{"address"') and line.endswith("\n"):
                found: dict[str, Any] = json.loads(line)
                return found
    log.seek(0)
    raise RuntimeError(f"llama.cpp's server did not start: {log.read()[-2000:].decode(errors='replace')}")
