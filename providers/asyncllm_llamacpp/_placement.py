"""Where a model came to be, and what it takes there: as llama.cpp told while it was opened."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ._attention import Attention

_BUFFER = re.compile(r"^\w+:\s+(\S+)\s+(model|output|KV|RS|compute) buffer size =\s*([\d.]+) MiB")
_OFFLOADED = re.compile(r"offloaded (\d+)/(\d+) layers to GPU")
_PARTS = {"model": "weights", "KV": "context", "RS": "context", "compute": "compute", "output": "compute"}
_FLASH = {
    "Flash Attention enabled":          True,
    "Flash Attention not supported":    False,
    "enabling flash_attn":              True,
    "flash_attn is not compatible":     False,
}  # fmt: skip
"""What llama.cpp says where it decides for itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a device holds of a model, in bytes."""

    device: str
    """As llama.cpp calls it: ``"CPU"``, ``"CUDA0"``."""
    weights: int = 0
    context: int = 0
    """Room for what is read and answered."""
    compute: int = 0
    """Room to compute in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a model came to be."""

    held: tuple[Held, ...]
    """What each device holds."""
    gpu_layers: int
    """How many layers are on GPUs."""
    layers: int
    """How many there are, the output counted as one."""
    flash_attention: bool | None
    """Whether it computes so; None where llama.cpp did not say."""
    kv_type: tuple[str, str]
    """The types of numbers in which keys and values are kept."""

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as what JSON can hold, sizes under names that end in ``_bytes``."""
        return {
            "layers_on_gpu": self.gpu_layers,
            "layers": self.layers,
            "flash_attention": self.flash_attention,
            "kv_type": list(self.kv_type),
            "devices": {
                each.device: {
                    "weights_bytes": each.weights,
                    "context_bytes": each.context,
                    "compute_bytes": each.compute,
                }
                for each in self.held
            },
        }

    def gauges(self) -> dict[str, float]:
        """Return its numbers, added up, under the names that a report has for them."""
        return {
            "layers": self.layers,
            "layers_on_gpu": self.gpu_layers,
            "memory_weights": sum(each.weights for each in self.held),
            "memory_context": sum(each.context for each in self.held),
            "memory_compute": sum(each.compute for each in self.held),
        }


def placement(lines: Iterable[str], *, layers: int, attention: Attention) -> Placement:
    """
    Return what llama.cpp told in *lines*.

    Args:
        lines: What it logged while it loaded the weights and made the context.

        layers: How many layers there are: a build without GPUs says nothing of them.

        attention: What was asked for.
    """
    told = tuple(lines)
    gpu_layers, all_layers = _layers(told) or (0, layers)
    return Placement(
        held=tuple(_held(told)),
        gpu_layers=gpu_layers,
        layers=all_layers,
        flash_attention=_flash(told, attention.flash),
        kv_type=(attention.keys, attention.values),
    )


def _layers(lines: Iterable[str]) -> tuple[int, int] | None:
    found = [(int(match[1]), int(match[2])) for line in lines if (match := _OFFLOADED.search(line))]
    return found[-1] if found else None


def _held(lines: Iterable[str]) -> Iterator[Held]:
    sizes: dict[str, dict[str, int]] = {}
    for line in lines:
        if match := _BUFFER.match(line):
            parts = sizes.setdefault(_device(match[1]), dict.fromkeys(_PARTS.values(), 0))
            parts[_PARTS[match[2]]] += round(float(match[3]) * 2**20)
    for device, parts in sizes.items():
        yield Held(device=device, **parts)


def _device(buffer: str) -> str:
    """Return whose memory a buffer is in: that of ``CUDA_Host`` is the CPU's, of ``CPU_Mapped`` too."""
    return "CPU" if buffer.endswith("_Host") else buffer.partition("_")[0]


def _flash(lines: Iterable[str], asked: str) -> bool | None:
    decided = [is_on for line in lines for words, is_on in _FLASH.items() if words in line]
    return decided[-1] if decided else {"on": True, "off": False}.get(asked)
