"""What is used at the moment of asking, and the way to watch a block of code."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

import anyio
import anyio.to_thread

from ._gpus import GPU, gpus
from ._machine import Process, System, machine, since_last_report
from ._processor import Look, Watch
from ._tracked import Tracked
from ._utilization import Utilization


class Report:
    """
    What is used at the moment when it was asked for; ``str()`` is a small table.

    It is made in a thread of its own, so that asking for it holds nobody up; who
    looks at a figure waits for it. As a context manager, also an asynchronous one,
    it watches a block of code: see :class:`Tracked`.
    """

    def __init__(self, gauges: Callable[[], Mapping[str, float]], interval: float) -> None:
        self._take = functools.partial(_used, gauges)
        self._interval = interval
        self._tracked: Tracked | None = None
        self._made: Future[Utilization] = Future()
        threading.Thread(target=self._make, name="asyncllm report", daemon=True).start()

    @property
    def process(self) -> Process:
        """What this process takes."""
        return self._made.result().process

    @property
    def system(self) -> System:
        """What the whole machine does."""
        return self._made.result().system

    @property
    def gpus(self) -> tuple[GPU, ...]:
        """The GPUs that NVML knows; none without the ``nvml`` extra, or without a driver."""
        return self._made.result().gpus

    @property
    def gauges(self) -> Mapping[str, float]:
        """What the LLM's providers hold open: see :attr:`Utilization.gauges`."""
        return self._made.result().gauges

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as what JSON can hold."""
        return self._made.result().as_dict()

    def __str__(self) -> str:
        return str(self._made.result())

    def __enter__(self) -> Tracked:
        if self._tracked is not None:
            raise RuntimeError("this report watches a block already; for another, ask the LLM for another")
        self._tracked = Tracked(self._take, self._interval)
        return self._tracked

    def __exit__(self, *exc_info: object) -> None:
        if self._tracked is not None:
            self._tracked.stop()
            self._tracked = None

    async def __aenter__(self) -> Tracked:
        return self.__enter__()

    async def __aexit__(self, *exc_info: object) -> None:
        # A limiter of its own: leaving must not wait for the application's threads.
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self.__exit__, limiter=anyio.CapacityLimiter(1))

    def _make(self) -> None:
        try:
            self._made.set_result(self._take(since_last_report(), Look.now()))
        except Exception as exc:  # noqa: BLE001  whatever it is, whoever looks must hear of it
            self._made.set_exception(exc)


def _used(gauges: Callable[[], Mapping[str, float]], watch: Watch, now: Look) -> Utilization:
    process, system = machine(watch, now)
    return Utilization(process=process, system=system, gpus=gpus().now(), gauges=gauges())
