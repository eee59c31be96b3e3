"""Tasks that come from a file, and results that go to one."""

from __future__ import annotations

from ._reader import TaskFile, read_tasks
from ._writer import ResultFile

__all__ = ["ResultFile", "TaskFile", "read_tasks"]
