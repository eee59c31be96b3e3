"""One LLM serves any event loop and any thread."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import anyio
import pytest

from asyncllm import LLM

from ._answers import answered
from ._expect import TASK, expect, outcome
from ._subject import BACKENDS, MODES, Make, Subject

BELONGS = (
    "open what belongs to an event loop in aopen(), which is awaited in each of them; keep none in a global"
)


class Loops(Subject):
    """One LLM serves any event loop and any thread."""

    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize("backend", BACKENDS)
    def test_two_event_loops_one_after_the_other(self, make: Make, backend: str, mode: str) -> None:
        llm = make()
        _same(_text(llm, mode, backend) for _ in range(2))

    def test_asyncio_and_trio_one_after_the_other(self, make: Make) -> None:
        llm = make()
        _same(_text(llm, "complete", backend) for backend in (*BACKENDS, *BACKENDS))

    @pytest.mark.parametrize("mode", MODES)
    def test_event_loops_at_once_in_threads(self, make: Make, mode: str) -> None:
        llm = make()
        with ThreadPoolExecutor(max_workers=4) as threads:
            _same(threads.map(functools.partial(_text, llm, mode), BACKENDS * 2))

    def test_synchronous_calls_in_threads_at_once(self, make: Make) -> None:
        with make() as llm, ThreadPoolExecutor(max_workers=4) as threads:
            _same(threads.map(llm.run, [TASK] * 8))

    def test_a_closed_llm_opens_anew(self, make: Make) -> None:
        def texts() -> Iterator[str]:
            with make() as llm:
                yield llm.run(TASK)
                llm.close()
                yield llm.run(TASK)

        _same(texts())


def _text(llm: LLM, mode: str, backend: str) -> str:
    return answered(anyio.run(outcome, llm, mode, backend=backend)).text


def _same(texts: Iterator[str]) -> None:
    different = set(texts)
    expect(len(different) == 1, f"one task, and several answers, {sorted(different)}: {BELONGS}")
