"""What this process takes of the machine, and what the machine has."""

from __future__ import annotations

import functools
import os
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ._processor import Busy, Look, Meter
from ._sampler import samplers

if TYPE_CHECKING:
    import psutil


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """What this process takes, its threads included, other processes that it started not."""

    cpu: float | None
    """Percent of one core, so that several busy cores are more than 100; None is unknown."""
    cpu_over: float
    """Seconds that ``cpu`` is the mean of."""
    memory: float
    """Bytes of memory that it occupies (its resident set)."""
    threads: float
    """How many threads it has, but for those that look at all this."""
    handles: float
    """How many file descriptors it has open; on Windows, handles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """What the whole machine does; in a container, as a rule, that is the host."""

    cpu: float | None
    """Percent of all cores, so that 100 is the most; None is unknown."""
    cpu_over: float
    """Seconds that ``cpu`` is the mean of."""
    cores: float
    """How many logical cores there are."""
    memory: float
    """Bytes of memory that are in use: those that no program could have without swapping."""
    memory_total: float
    """Bytes of memory that there are."""

    @property
    def memory_available(self) -> float:
        """Bytes of memory that programs could still have."""
        return self.memory_total - self.memory


def machine(meter: Meter, now: Look) -> tuple[Process, System]:
    """Return what process and system take at the moment; *meter* says since when the CPU counts."""
    import psutil  # noqa: PLC0415  takes a tenth of a second, and few need it

    busy = meter.busy(now)
    own, memory = psutil.Process(), psutil.virtual_memory()
    with own.oneshot():
        process = Process(
            cpu=busy.own,
            cpu_over=busy.own_over,
            memory=own.memory_info().rss,
            threads=own.num_threads() - samplers(),
            handles=_handles(own),
        )
    system = System(
        cpu=busy.system,
        cpu_over=busy.system_over,
        cores=now.cores,
        memory=memory.total - memory.available,
        memory_total=memory.total,
    )
    return process, system


def _handles(process: psutil.Process) -> int:
    if sys.platform == "win32":
        return process.num_handles()
    return process.num_fds()


def with_cpu(process: Process, system: System, busy: Busy) -> tuple[Process, System]:
    """Return *process* and *system* with what *busy* says of the CPU."""
    return (
        replace(process, cpu=busy.own, cpu_over=busy.own_over),
        replace(system, cpu=busy.system, cpu_over=busy.system_over),
    )


def since_last_report() -> Meter:
    """Return the meter that all reports of this process share."""
    return _meter(os.getpid())


@functools.cache
def _meter(process: int) -> Meter:  # noqa: ARG001  what it is cached by
    # By the process: a forked child's time begins with itself.
    return Meter(Look.at_start())
