"""How many threads may compute at once."""

from __future__ import annotations

import os
from pathlib import Path

MOST_THREADS = 512
"""llama.cpp ends the process over more."""

_SIBLINGS = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"
_QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""A container's share of the processors: microseconds, of how many; "max" is all."""


def cores() -> int:
    """Return how many threads are worth while: never more than this process has processors to itself."""
    return max(1, min(_physical(), _quota(), _told(), MOST_THREADS))


def _physical() -> int:
    """Return how many physical cores this process may use: a second thread on a core only slows it."""
    try:
        allowed = sorted(os.sched_getaffinity(0))
    except AttributeError:  # There is none on macOS and Windows.
        return os.cpu_count() or 1

    try:
        return len({Path(_SIBLINGS.format(cpu)).read_text() for cpu in allowed})
    except OSError:
        return len(allowed)


def _quota() -> int:
    """Return how many processors a container is allowed; affinity does not tell."""
    try:
        quota, period = _QUOTA.read_text().split()
        return int(quota) // int(period)
    except (OSError, ValueError):  # No such file, or no limit.
        return MOST_THREADS


def _told() -> int:
    """Return what the user told Python, as with ``-X cpu_count``; Python 3.13 and later know."""
    count = getattr(os, "process_cpu_count", os.cpu_count)
    return count() or MOST_THREADS
