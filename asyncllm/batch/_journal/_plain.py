"""
Responses and errors as texts, and back, just as they were.

They are lists and no mappings: short, and no name in them can be taken for a
key and starred.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple
from typing import Any, cast

from asyncllm import errors
from asyncllm._keys import Keys
from asyncllm._types import Adjustment, Choice, Message, Response, Timing, TokenLogprob, Usage
from asyncllm.errors import JournalError, LLMError

TUPLE, MAPPING = "tuple", "mapping"
"""Signs of what JSON does not know; keys of a mapping need not be texts."""

KINDS: Mapping[str, type[LLMError]] = {
    name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, LLMError)
}
"""The errors of ours, by name."""


@contextmanager
def of_item(key: str) -> Generator[None]:
    """Raise what is wrong with the texts of an item as an error of ours."""
    try:
        yield
    except (ValueError, TypeError, KeyError, AttributeError) as exc:
        raise JournalError(f"the journal is damaged: what it has of {key!r} cannot be read") from exc


def response_as_text(response: Response, keys: Keys) -> str:
    """
    Return *response* as a text, all but its ``raw``.

    A key in an answer is starred, unless it is a mere word: answers are full of
    those. The tokens of a text that had a key go: they would spell it.
    """
    usage = None if response.usage is None else astuple(response.usage)
    timing = None if response.timing is None else astuple(response.timing)
    adjustments = [
        [
            each.parameter,
            each.verdict,
            *(keys.star(_told(one)) for one in (each.asked, each.sent, each.reason)),
        ]
        for each in response.adjustments
    ]
    names = (response.provider, keys.star_name(response.model), keys.star_name(response.request_id))
    choices = [_choice(choice, keys) for choice in response.choices]
    return as_text([choices, usage, timing, adjustments, response.attempts, *names])


def response_of(text: str) -> Response:
    """Return what :func:`response_as_text` told."""
    choices, usage, timing, adjustments, attempts, provider, model, request_id = json.loads(text)
    return Response(
        choices=tuple(_choice_of(*choice) for choice in choices),
        usage=None if usage is None else _usage_of(*usage),
        timing=None if timing is None else _timing_of(*timing),
        adjustments=tuple(_adjustment_of(*each) for each in adjustments),
        attempts=attempts,
        provider=provider,
        model=model,
        request_id=request_id,
    )


def timing_as_text(timing: Timing) -> str:
    """Return *timing* as a text."""
    return as_text(astuple(timing))


def timing_of(text: str) -> Timing:
    """Return what :func:`timing_as_text` told."""
    return _timing_of(*json.loads(text))


def error_as_text(error: LLMError, keys: Keys) -> str:
    """Return *error* as a text: the names of its kinds, its words, and what else it knows."""
    kinds = [kind.__name__ for kind in type(error).__mro__ if kind in KINDS.values()]
    known = {name: _told(value) for name, value in vars(error).items()}
    return as_text([kinds, keys.star(str(error)), keys.star(known)])


def error_of(text: str) -> LLMError:
    """
    Return what :func:`error_as_text` told.

    A kind that is not known here, since a newer asyncllm wrote it, is the nearest
    above it.
    """
    kinds, words, known = json.loads(text)
    error: LLMError = next((KINDS[name] for name in kinds if name in KINDS), LLMError)(words)
    vars(error).update({name: _value_of(told) for name, told in known.items()})
    return error


def messages_as_text(messages: Sequence[Message], keys: Keys) -> str:
    """Return what was asked as a text."""
    return as_text([{"role": each.role, "content": keys.star_name(each.text)} for each in messages])


def as_text(plain: Any) -> str:
    """Return *plain* as JSON."""
    text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
    # Half a character is no text for SQLite, but has an escape in JSON.
    return text if text.isascii() or _is_whole(text) else json.dumps(plain)


def _choice(choice: Choice, keys: Keys) -> list[Any]:
    text = keys.star_name(choice.text)
    tokens = choice.logprobs if text == choice.text else ()
    logprobs = [(each.token, each.logprob, each.likeliest) for each in tokens]
    return [text, choice.finish_reason, keys.star_name(choice.matched_stop), logprobs]


def _choice_of(text: str, finish_reason: Any, matched_stop: str | None, logprobs: Sequence[Any]) -> Choice:
    tokens = tuple(
        TokenLogprob(token=token, logprob=logprob, likeliest=tuple((one, other) for one, other in likeliest))
        for token, logprob, likeliest in logprobs
    )
    return Choice(text=text, finish_reason=finish_reason, matched_stop=matched_stop, logprobs=tokens)


def _usage_of(taken: int, given: int, cached: int, written: int, thought: int) -> Usage:
    return Usage(
        input_tokens=taken,
        output_tokens=given,
        cached_tokens=cached,
        cache_write_tokens=written,
        reasoning_tokens=thought,
    )


def _timing_of(total: float, first_token: float | None, held: float, queued: float | None) -> Timing:
    return Timing(total=total, first_token=first_token, held=held, queued=queued)


def _adjustment_of(parameter: str, verdict: Any, asked: Any, sent: Any, reason: Any) -> Adjustment:
    asked, sent, reason = map(_value_of, (asked, sent, reason))
    return Adjustment(parameter=parameter, verdict=verdict, asked=asked, sent=sent, reason=reason)


def _told(value: Any) -> Any:
    """Return a parameter's value as JSON has it: with a sign where JSON knows no such kind."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, list | tuple):
        several = [_told(each) for each in cast("Sequence[Any]", value)]
        return {TUPLE: several} if isinstance(value, tuple) else several
    if isinstance(cast("object", value), Mapping):
        pairs: Mapping[Any, Any] = value
        return {MAPPING: [[_told(name), _told(each)] for name, each in pairs.items()]}
    return str(value)


def _value_of(told: Any) -> Any:
    """Return the value that :func:`_told` told."""
    if isinstance(told, list):
        return [_value_of(each) for each in cast("Sequence[Any]", told)]
    if not isinstance(told, dict):
        return told

    ((sign, several),) = cast("dict[str, Any]", told).items()
    values = _value_of(several)
    return tuple(values) if sign == TUPLE else dict(values)


def _is_whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
