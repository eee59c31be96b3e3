"""The libraries of the ``ray`` extra, imported where they are used."""

from __future__ import annotations

import importlib
from typing import Any

from asyncllm.errors import ConfigurationError


def library(name: str) -> Any:
    """
    Return the module called *name*, of which no types are known.

    Raises:
        ConfigurationError: It does not import.
    """
    try:
        return importlib.import_module(name)
    except ImportError as exc:
        raise ConfigurationError(
            f"asyncllm.batch.ray needs {name}, which does not import ({exc}): "
            "pip install 'asyncllm-framework[ray]'"
        ) from exc
