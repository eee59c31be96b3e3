"""What was asked and what came of it, in a file that a crash does not harm."""

from ._file import JournalFile
from ._journal import Journal, opened
from ._known import Counts, Known, Remote, Resume
from ._status import JournalStatus

__all__ = ["Counts", "Journal", "JournalFile", "JournalStatus", "Known", "Remote", "Resume", "opened"]
