"""What can come of a command: an exit code for scripts, a clear line for people."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import typer

from asyncllm.errors import SHORTEST_SECRET, CheckpointError, ConfigurationError, LLMError, ProviderError

SECRET = ("key", "token", "secret", "password")
"""How the names of secrets end, among the settings and in the environment."""
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
def explained(*, debug: bool = False, secrets: Iterable[str] = ()) -> Generator[None]:
    """Turn what goes wrong within into a line on stderr, without *secrets*, and an exit code."""
    try:
        yield
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the last row of the table takes any
        outcome = next(row for row in OUTCOMES if row.stands_for(error))
        if isinstance(error, BrokenPipeError):
            _let_go_of_stdout()
        elif isinstance(error, Exception):
            _say(error, debug=debug, secrets=tuple(secrets))
        raise typer.Exit(outcome.code) from None


def secrets_in(*sources: Mapping[str, Any]) -> set[str]:
    """Return the values whose names say that they are secret."""
    named = ((name, value) for source in sources for name, value in source.items())
    secret = {str(value) for name, value in named if name.lower().endswith(SECRET)}
    return {value for value in secret if len(value) >= SHORTEST_SECRET}


def _say(error: Exception, *, debug: bool, secrets: Iterable[str]) -> None:
    from ._print import note

    if debug:
        sys.stderr.write(_without(secrets, "".join(traceback.format_exception(error))))
    note("error", _line(error, secrets), style="bold red")


def _line(error: Exception, secrets: Iterable[str]) -> str:
    """Return *error* in one line, without *secrets* and what could drive the terminal."""
    told = _without(secrets, str(error)).split()
    kind = "" if isinstance(error, ConfigurationError) else f"{type(error).__name__}: "
    text = "".join(letter for letter in " ".join(told) if letter.isprintable())
    text = text if len(text) <= LONGEST else text[:LONGEST] + "…"
    return kind + text + "".join(f" ({detail})" for detail in _details(error))


def _details(error: Exception) -> Iterator[str]:
    if not isinstance(error, LLMError):
        yield "a bug: --debug shows where"
    if isinstance(error, ProviderError) and error.retry_after is not None:
        yield f"asks to wait {error.retry_after:.0f} s"
    if isinstance(error, ProviderError) and error.request_id is not None:
        yield f"request {error.request_id}"


def _without(secrets: Iterable[str], text: str) -> str:
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


def _let_go_of_stdout() -> None:
    # Else the interpreter, as it ends, tries once more to write and complains.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
