"""The machine that the figures are from, and what ran on it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

import llama_cpp
import psutil

DISTRIBUTIONS = ("asyncllm-framework", "llama-cpp-python", "anyio", "httpx2")


def machine() -> dict[str, Any]:
    """Return what tells one machine from another, and what else it was busy with."""
    return {
        "cpu": _cpu(),
        "physical_cores": psutil.cpu_count(logical=False),
        "logical_cores": psutil.cpu_count(),
        "memory": psutil.virtual_memory().total,
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_average": psutil.getloadavg(),
        "versions": {name: importlib.metadata.version(name) for name in DISTRIBUTIONS},
        "llama.cpp": llama_cpp.llama_print_system_info().decode(),
        "environment": {name: value for name, value in os.environ.items() if name.startswith("OMP_")},
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # Linux alone has it.
        return platform.processor()

    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())
