"""What a check says when it fails: everything that is wrong, and what to do about it."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NoReturn

import pytest

from asyncllm import LLM, LLMError
from asyncllm.errors import ProviderError
from asyncllm.provider import Response

TASK = "Say what I say."
MOST = 12
"""How many problems are told at a time."""


def expect_none(problems: Iterable[str], advice: str) -> None:
    """Fail with all of *problems*, if there are any, and *advice*."""
    if found := list(dict.fromkeys(problems)):
        fail(advice, found)


def fail(advice: str, problems: Sequence[str]) -> NoReturn:
    """Fail with *advice*, and as many of *problems* as anybody reads."""
    more = [f"… and {len(problems) - MOST} more"] if len(problems) > MOST else []
    lines = "".join(f"\n  - {problem}" for problem in [*problems[:MOST], *more])
    pytest.fail(f"{advice}{lines}", pytrace=False)


def expect(holds: object, advice: str) -> None:
    """Fail with *advice* unless it *holds*."""
    if not holds:
        pytest.fail(advice, pytrace=False)


def eventually(holds: Callable[[], object], patience: float) -> bool:
    """Wait until it *holds*, as it will in another thread's own time; return whether it does."""
    end = time.monotonic() + patience
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


async def outcome(llm: LLM, mode: str, task: str = TASK) -> Response | Exception:
    """Ask as *mode* says; return the answer, or what was raised."""
    try:
        if mode == "complete":
            return await llm.agenerate(task)
        async with llm.astream(task) as stream:
            async for _ in stream:
                pass
    except Exception as error:  # noqa: BLE001  # whatever it is, it is what the check looks at
        return error
    return stream.response


def as_an_error(got: Response | Exception, kind: type[ProviderError] = ProviderError) -> str | None:
    """Return what is wrong with *got* where an error of *kind* was to come; None where nothing is."""
    if isinstance(got, Response):
        return f"the answer {got.text!r} came, in place of {kind.__name__}"
    if not isinstance(got, LLMError):
        return f"the raw {raised(got)}, in place of {kind.__name__}: give it a row in `errors`"
    return None if isinstance(got, kind) else f"{described(got)}, in place of {kind.__name__}"


def as_whole(got: Response | Exception, text: str) -> str | None:
    """Return what is wrong with *got*, which has to be all of *text*, or an error of the provider's."""
    if not isinstance(got, Response):
        return as_an_error(got)
    return None if got.text == text else f"{got.text!r} passed for the whole answer, which is {text!r}"


def led_to(error: BaseException) -> Iterator[str]:
    """Yield *error* and what led to it: each with where it was raised, and what it could not read."""
    seen: BaseException | None = error
    while seen is not None:
        unread: Any = getattr(seen, "doc", None) or getattr(seen, "object", None)
        yield raised(seen) + (f", of {unread!r:.500}" if unread else "")
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)


def described(error: BaseException) -> str:
    """Return the kind of *error* and its first line."""
    return f"{type(error).__name__}({(str(error).splitlines() or [''])[0][:200]!r})"


def raised(error: BaseException) -> str:
    """Return *error*, described, and where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    return described(error) + (f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else "")
