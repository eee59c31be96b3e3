"""What can come of a command: an exit code for scripts, a clear line for people."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import typer

from asyncllm._keys import NAMED, Keys, named
from asyncllm.errors import CheckpointError, ConfigurationError, JournalError, LLMError, ProviderError

LONGEST = 600
"""Letters of an error's message: some servers answer with a whole page."""


def _for_now(error: BaseException) -> bool:
    return isinstance(error, ProviderError) and error.retryable


def _any(*kinds: type[BaseException]) -> Callable[[BaseException], bool]:
    return lambda error: isinstance(error, kinds)


@dataclass(frozen=True, slots=True)
class Outcome:
    """An exit code, which errors end in it, and what it says."""

    code: int
    stands_for: Callable[[BaseException], bool]
    meaning: str


OUTCOMES = (
    Outcome(0, _any(), "done"),
    Outcome(2, _any(ConfigurationError, CheckpointError), "usage or configuration: nothing was sent"),
    Outcome(2, _any(JournalError), "a journal that cannot be used or written: what is in it stays"),
    Outcome(4, _for_now, "the provider failed for now: worth trying again later"),
    Outcome(3, _any(ProviderError), "the provider refused, or failed for good"),
    Outcome(130, _any(KeyboardInterrupt), "stopped by Ctrl-C"),
    Outcome(141, _any(BrokenPipeError), "whoever read the output went away"),
    Outcome(1, _any(Exception), "a bug, in asyncllm or in a plugin: --debug shows where"),
)  # fmt: skip
"""Every outcome; an error ends in the first row that stands for it."""


def exit_codes() -> list[str]:
    """Return the table of exit codes, line by line, for the help."""
    rows = sorted(OUTCOMES, key=lambda outcome: outcome.code)
    return ["Exit codes:", *(f"{row.code:>5}  {row.meaning}" for row in rows)]


@contextmanager
def explained(*, debug: bool, keys: Keys) -> Generator[None]:
    """Turn what goes wrong within into a line on stderr, without *keys*, and an exit code."""
    try:
        yield
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the last row of the table takes any
        outcome = next(row for row in OUTCOMES if row.stands_for(error))
        if isinstance(error, BrokenPipeError):
            _let_go_of_stdout()
        elif isinstance(error, Exception):
            _say(error, debug=debug, keys=keys)
        raise typer.Exit(outcome.code) from None


def keys_in(setting: Sequence[str] | None = None) -> Keys:
    """Return the keys among the settings, as given in ``name=value``, and in the environment."""
    pairs = (text.partition("=") for text in setting or [])
    own = [text.strip("\"'") for name, _, text in pairs if name.lower().endswith(NAMED)]
    return Keys([*own, *named(os.environ)])


def _say(error: Exception, *, debug: bool, keys: Keys) -> None:
    from ._print import note

    if debug:
        sys.stderr.write(keys.star("".join(traceback.format_exception(error))))
    note("error", _line(error, keys), style="bold red")


def _line(error: Exception, keys: Keys) -> str:
    """Return *error* in one line, without *keys* and what could drive the terminal."""
    told = keys.star(str(error)).split()
    kind = "" if isinstance(error, ConfigurationError) else f"{type(error).__name__}: "
    text = "".join(letter for letter in " ".join(told) if letter.isprintable())
    text = text if len(text) <= LONGEST else text[:LONGEST] + "…"
    return kind + text + "".join(f" ({keys.star(detail)})" for detail in _details(error))


def _details(error: Exception) -> Iterator[str]:
    if not isinstance(error, LLMError):
        yield "a bug: --debug shows where"
    if isinstance(error, ProviderError) and error.retry_after is not None:
        yield f"asks to wait {error.retry_after:.0f} s"
    if isinstance(error, ProviderError) and error.request_id is not None:
        yield f"request {error.request_id}"


def _let_go_of_stdout() -> None:
    # Else the interpreter, as it ends, tries once more to write and complains.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
