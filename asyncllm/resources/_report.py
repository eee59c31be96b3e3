"""What is used at the moment of asking, and the way to watch a block of code."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import anyio
import anyio.to_thread

from ._gpus import GPU, gpus
from ._machine import Process, System, machine, since_last_report, with_cpu
from ._processor import Look, Meter
from ._sampler import Sampler
from ._tracker import UtilizationTracker
from ._utilization import Utilization

A_MOMENT = 0.005
"""Seconds that a report waits whether a block is to be watched instead."""


class UtilizationReport:
    """
    What is used at the moment when it was asked for; ``str()`` is a small table.

    It is made in a thread of its own, so that asking for it holds nobody up; who
    looks at a figure waits for it. As a context manager, also an asynchronous one,
    it watches a block of code instead: see :class:`UtilizationTracker`.
    """

    def __init__(self, gauges: Callable[[], Mapping[str, float]], interval: float) -> None:
        self._take = functools.partial(_used, gauges)
        self._interval = interval
        self._tracker: UtilizationTracker | None = None
        self._is_for_block = threading.Event()
        self._seen: Future[tuple[Look, Utilization] | None] = Future()
        self._sampler = Sampler(self._see, "report")
        self._sampler.start()

    @property
    def process(self) -> Process:
        """What this process takes."""
        return self._used.process

    @property
    def system(self) -> System:
        """What the whole machine does."""
        return self._used.system

    @property
    def gpus(self) -> tuple[GPU, ...]:
        """The GPUs that NVML knows; none without the ``nvml`` extra, or without a driver."""
        return self._used.gpus

    @property
    def gauges(self) -> Mapping[str, float]:
        """What the LLM's providers hold open: see :attr:`Utilization.gauges`."""
        return self._used.gauges

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as what JSON can hold."""
        return self._used.as_dict()

    def __str__(self) -> str:
        return str(self._used)

    def __enter__(self) -> UtilizationTracker:
        if self._tracker is not None:
            raise RuntimeError("this report watches a block already; for another, ask the LLM for another")
        self._is_for_block.set()
        self._tracker = UtilizationTracker(self._take, self._interval, after=self._sampler)
        return self._tracker

    def __exit__(self, *exc_info: object) -> None:
        if self._tracker is not None:
            self._tracker.stop()
            self._tracker = None

    async def __aenter__(self) -> UtilizationTracker:
        return self.__enter__()

    async def __aexit__(self, *exc_info: object) -> None:
        # A limiter of its own: leaving must not wait for the application's threads.
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self.__exit__, limiter=anyio.CapacityLimiter(1))

    @functools.cached_property
    def _used(self) -> Utilization:
        # Only what somebody looks at is a report, since which the next one counts the CPU.
        now, used = self._seen.result() or self._look()
        process, system = with_cpu(used.process, used.system, since_last_report().busy(now))
        return replace(used, process=process, system=system)

    def _see(self) -> None:
        try:
            self._seen.set_result(None if self._is_for_block.wait(A_MOMENT) else self._look())
        except Exception as exc:  # noqa: BLE001  whatever it is, whoever looks must hear of it
            self._seen.set_exception(exc)

    def _look(self) -> tuple[Look, Utilization]:
        now = Look.now()
        return now, self._take(Meter(now), now)


def _used(gauges: Callable[[], Mapping[str, float]], meter: Meter, now: Look) -> Utilization:
    process, system = machine(meter, now)
    return Utilization(process=process, system=system, gpus=gpus().now(), gauges=gauges())
