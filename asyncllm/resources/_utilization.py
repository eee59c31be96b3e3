"""What is used at a moment, and how it is shown."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from ._gpus import GPU
from ._machine import Process, System

UNKNOWN = "unknown"
MEMORY = "memory_"
"""How the names of gauges that are bytes begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Utilization:
    """
    What is used at a moment, or a mean or peak of it; ``str()`` is a small table.

    In a mean every number may be a fraction; in a peak each is the highest there
    was, at whatever moment.
    """

    process: Process
    """What this process takes."""
    system: System
    """What the whole machine does."""
    gpus: tuple[GPU, ...]
    """The GPUs that NVML knows."""
    gauges: Mapping[str, float]
    """
    What the LLM's providers hold open, in all event loops: ``connections_open`` and
    ``connections_idle``; of models in this process ``sequences_running`` and
    ``sequences_waiting``, ``context_used`` of ``context_size`` tokens, how many of the
    ``layers`` are ``layers_on_gpu``, and the bytes that weights, context and computing
    take (``memory_weights`` …). Nothing is there where no provider is open.
    """

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as what JSON can hold."""
        return {**asdict(self), "gpus": [asdict(gpu) for gpu in self.gpus], "gauges": dict(self.gauges)}

    def __str__(self) -> str:
        over = {"process cpu": self.process.cpu_over, "system cpu": self.system.cpu_over}
        shown = rows(self)
        width = max(map(len, shown)) + 2
        return "\n".join(
            f"{name:<{width}}{row.value} {row.note}".rstrip()
            + (f", over {_seconds(over[name])}" if name in over else "")
            for name, row in shown.items()
        )


class Row(NamedTuple):
    """What a table says under a name."""

    value: str
    note: str = ""


def rows(used: Utilization) -> dict[str, Row]:
    """Return the rows of a table, by their names."""
    process, system = used.process, used.system
    shown = {
        "process cpu":     Row(_percent(process.cpu), "of one core"),
        "process memory":  Row(size(process.memory)),
        "process threads": Row(_number(process.threads)),
        "process handles": Row(_number(process.handles)),
        "system cpu":      Row(_percent(system.cpu), f"of {system.cores:.0f} cores"),
        "system memory":   Row(size(system.memory), f"of {size(system.memory_total)}"),
    }  # fmt: skip
    for index, gpu in enumerate(used.gpus):
        shown |= {
            f"GPU {index} load":       Row(_percent(gpu.load), gpu.name),
            f"GPU {index} memory":     Row(size(gpu.memory), f"of {size(gpu.memory_total)}"),
            f"GPU {index} memory own": Row(size(gpu.memory_own)),
        }  # fmt: skip
    if not used.gpus:
        shown["GPU"] = Row("none", "that NVML knows")
    return shown | {
        name.replace("_", " "): Row((size if name.startswith(MEMORY) else _number)(value))
        for name, value in used.gauges.items()
    }


def _percent(number: float | None) -> str:
    return UNKNOWN if number is None else f"{number:,.0f} %"


def _seconds(number: float) -> str:
    return f"{number:,.0f} s" if number >= 100 else f"{number:.3g} s"


def _number(number: float) -> str:
    return f"{number:,.0f}" if number == round(number) else f"{number:,.1f}"


def size(count: float | None) -> str:
    """Return *count* bytes as people read them."""
    if count is None:
        return UNKNOWN
    power = int(math.log(count, 1024)) if count >= 1 else 0
    return f"{count / 1024**power:.4g} {('B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB')[power]}"
