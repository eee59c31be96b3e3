"""Many tasks, asked in one go: what goes in, and what comes out."""

from __future__ import annotations

from ._result import BatchResult
from ._task import Task

__all__ = ["BatchResult", "Task"]
