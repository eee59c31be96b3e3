"""How busy the processor is between two looks at it."""

from __future__ import annotations

import time
from dataclasses import dataclass

SHORTEST = 0.05
"""Seconds: the system counts its time in ticks of about ten milliseconds, so that less says little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the processor had done by some moment; the seconds of all cores are added up."""

    at: float
    """The moment, by ``time.perf_counter``."""
    own: float
    """The seconds that it worked for this process."""
    busy: float
    """The seconds that it worked."""
    total: float
    """The seconds that there were."""
    cores: int
    """How many cores there are."""

    @classmethod
    def now(cls) -> Look:
        """Look at it now."""
        import psutil  # noqa: PLC0415  takes a tenth of a second, and few need it

        times = psutil.cpu_times()._asdict()
        # Linux counts what guests take a second time, within that of users.
        total = sum(times.values()) - times.get("guest", 0.0) - times.get("guest_nice", 0.0)
        return cls(
            at=time.perf_counter(),
            own=time.process_time(),
            busy=total - times["idle"] - times.get("iowait", 0.0),
            total=total,
            cores=psutil.cpu_count() or 1,
        )

    @classmethod
    def at_start(cls) -> Look:
        """Return what there was when all this began: the process, and the system's own count."""
        import psutil  # noqa: PLC0415  as above

        age = time.time() - psutil.Process().create_time()
        return cls(at=time.perf_counter() - age, own=0.0, busy=0.0, total=0.0, cores=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Busy:
    """How busy the processor was for some time; None where that was too short to tell."""

    own: float | None
    """By this process, in percent of one core."""
    own_over: float
    """Seconds that this is the mean of."""
    system: float | None
    """By everything, in percent of all cores."""
    system_over: float
    """Seconds that this is the mean of."""

    @classmethod
    def between(cls, first: Look, last: Look) -> Busy:
        """Return what was between two looks."""
        seconds, counted = last.at - first.at, last.total - first.total
        over = counted / last.cores
        return cls(
            own=100 * (last.own - first.own) / seconds if seconds >= SHORTEST else None,
            own_over=max(seconds, 0.0),
            # Linux lets some of its counts go back a little.
            system=_within(100 * (last.busy - first.busy) / counted) if over >= SHORTEST else None,
            system_over=max(over, 0.0),
        )


class Meter:
    """
    Tells, each time that it is asked, how busy the processor was since the last time.

    Asked again at once it goes back to the time before, so that it always tells of
    a while. Any thread may ask; *start* is what the first answer goes back to.
    """

    def __init__(self, start: Look) -> None:
        self._looks = (start, start)

    def busy(self, now: Look) -> Busy:
        """Return how busy the processor was until *now*."""
        before, last = self._looks
        if now.at - last.at < SHORTEST:
            return Busy.between(before, now)

        self._looks = (last, now)
        return Busy.between(last, now)


def _within(percent: float) -> float:
    return min(max(percent, 0.0), 100.0)
