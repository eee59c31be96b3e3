"""What a block of code uses, looked at again and again while it runs."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any

from asyncllm._log import warn

from ._machine import with_cpu
from ._processor import Busy, Look, Meter
from ._sampled import Samples
from ._sampler import Sampler
from ._utilization import Utilization, rows

PATIENCE = 2.0
"""Seconds that leaving a block waits for the last look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """All that was seen so far."""

    first: Look
    last: Look
    samples: Samples
    missed: int = 0


class UtilizationTracker:
    """
    What is used over a block of code; ``str()`` is a small table of means and peaks.

    It can be asked in the block too, and then tells of the time so far.
    """

    def __init__(
        self, take: Callable[[Meter, Look], Utilization], interval: float, *, after: Sampler
    ) -> None:
        self._take = take
        self._after = after
        self._interval = interval
        self._process = os.getpid()
        self._leaving = threading.Event()
        self._began: Future[None] = Future()
        # Replaced as a whole by the thread, so that nobody needs a lock to read it.
        self._so_far: _Seen | None = None
        self._thread = Sampler(self._watch, "utilization")
        self._entered = (time.perf_counter(), time.process_time())
        self._thread.start()

    @property
    def mean(self) -> Utilization:
        """The mean of each figure; those of the CPU are exact, the others means of the samples."""
        seen = self._seen
        mean = seen.samples.mean
        process, system = with_cpu(mean.process, mean.system, Busy.between(seen.first, seen.last))
        return replace(mean, process=process, system=system)

    @property
    def peak(self) -> Utilization:
        """The highest of each figure in any sample; the CPU's are means from one sample to the next."""
        return self._seen.samples.peak

    @property
    def seconds(self) -> float:
        """The time that the samples cover."""
        return self._seen.last.at - self._seen.first.at

    @property
    def samples(self) -> int:
        """How many samples were taken: one at the beginning, one at the end, and those between."""
        return self._seen.samples.number

    @property
    def missed(self) -> int:
        """How many could not be taken; the first such is told in a log line."""
        return self._seen.missed

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as what JSON can hold."""
        return {
            "seconds": self.seconds,
            "samples": self.samples,
            "missed": self.missed,
            "mean": self.mean.as_dict(),
            "peak": self.peak.as_dict(),
        }

    def __str__(self) -> str:
        peaks, means = rows(self.peak), rows(self.mean)
        names = max(map(len, peaks)) + 2
        lines = [f"{'':<{names}}{'mean':<12}{'peak':<12}"]
        lines += [
            f"{name:<{names}}{means[name].value:<12}{peak.value:<12}{peak.note}"
            for name, peak in peaks.items()
        ]
        missed = f", {self.missed:,} missed" if self.missed else ""
        lines.append(f"{'over':<{names}}{self.seconds:,.3g} s, {self.samples:,} samples{missed}")
        return "\n".join(line.rstrip() for line in lines)

    def stop(self) -> None:
        """Take a last sample and no more; wait until it is there."""
        # In a forked child there is no thread to wait for, and no knowing who held the event's lock.
        if os.getpid() == self._process:
            self._leaving.set()
            self._thread.join(PATIENCE)

    @property
    def _seen(self) -> _Seen:
        """What was seen; there is something soon after the block was entered."""
        self._began.result()
        assert self._so_far is not None
        return self._so_far

    def _watch(self) -> None:
        try:
            meter = self._begin()
        except Exception as exc:  # noqa: BLE001  whatever it is, whoever asks for figures must hear of it
            self._began.set_exception(exc)
            return
        self._began.set_result(None)
        while not self._leaving.wait(self._interval):
            self._look(meter)
        self._look(meter)

    def _begin(self) -> Meter:
        self._after.join()  # Its end must not fall between two figures.
        at, own = self._entered
        first = replace(now := Look.now(), at=at, own=own)
        meter = Meter(first)
        self._so_far = _Seen(first=first, last=now, samples=Samples.of(self._take(meter, now)))
        return meter

    def _look(self, meter: Meter) -> None:
        seen = self._seen
        try:
            now = Look.now()
            samples = seen.samples + Samples.of(self._take(meter, now))
        except Exception as exc:  # noqa: BLE001  out of file handles, say; the next look may fare better
            if not seen.missed:
                warn("utilization not sampled", error=type(exc).__name__)
            self._so_far = replace(seen, missed=seen.missed + 1)
        else:
            self._so_far = replace(seen, last=now, samples=samples)
