"""What the installed llama.cpp was built for, and what it finds on this machine."""

from __future__ import annotations

from typing import Any

from ._attention import FLASH, KV_TYPES
from ._devices import INSTALL, built, devices, gpus
from ._native import llama
from ._sharing import MOST


def build() -> dict[str, Any]:
    """Return it, as what JSON can hold."""
    kinds = sorted(built())
    return {
        "gpu_backends": kinds,
        "gpu_offload": bool(llama.llama_supports_gpu_offload()),
        **({} if gpus() else {"gpu_advice": _advice(kinds)}),
        "devices": {
            device.name: {
                "description": device.description,
                "free_bytes": device.free,
                "total_bytes": device.total,
            }
            for device in devices()
        },
        "most_devices": MOST,
        "mmap": bool(llama.llama_supports_mmap()),
        "mlock": bool(llama.llama_supports_mlock()),
        "flash_attention": list(FLASH),
        "kv_types": list(KV_TYPES),
        "features": _features(llama.llama_print_system_info().decode(errors="replace")),
    }


def _advice(kinds: list[str]) -> str:
    if kinds:
        return f"it is built for {', '.join(kinds)}, and sees no such GPU here"
    return f"it is built for the CPU alone; {INSTALL}"


def _features(said: str) -> list[str]:
    """Return what is on, as in ``"AVX2"``, of what llama.cpp says of itself: ``CPU : AVX2 = 1 | …``."""
    parts = (part.rpartition(":")[2].partition("=") for part in said.split("|"))
    return [
        name.strip() if value.strip() == "1" else f"{name.strip()}={value.strip()}"
        for name, _, value in parts
        if value.strip() not in {"", "0"}
    ]
