"""Many tasks, asked in one go: what goes in, and what comes out."""

from __future__ import annotations

from ._blocking import BlockingResults
from ._files import ResultFile, TaskFile, read_tasks
from ._journal import JournalFile, JournalStatus, Resume
from ._method import Batches
from ._progress import Progress
from ._result import BatchResult
from ._results import Results
from ._task import Task

__all__ = [
    "BatchResult",
    "Batches",
    "BlockingResults",
    "JournalFile",
    "JournalStatus",
    "Progress",
    "ResultFile",
    "Results",
    "Resume",
    "Task",
    "TaskFile",
    "read_tasks",
]
