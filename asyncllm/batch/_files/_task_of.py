"""What a row of a file asks for: a task, made of a text, of JSON, or of a table's cells."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn, cast

from asyncllm._readings import value
from asyncllm._tasks import messages_of
from asyncllm._vocabulary import ALIASES, PARAMETERS
from asyncllm.batch._task import Task
from asyncllm.errors import InvalidTask

from ._lines import Line

Fields = Mapping[str, Any]

PROMPTS = ("prompt", "messages")
KEYS = ("key", "id", "custom_id")
WANTED = 'wanted is a text, or an object with a "prompt" or "messages"'

BODY: Mapping[str, str | None] = {
    "input":                 "messages",
    "max_completion_tokens": "max_tokens",
    "max_output_tokens":     "max_tokens",
    "instructions":          "system_prompt",
    "stop":                  "stop_token",
    "n":                     "num_return_sequences",
    "model":                 None,
    "stream":                None,
}  # fmt: skip
"""What OpenAI calls it in the lines of a batch, where we do not; None is not for a task to say."""
ENVELOPE = frozenset({"custom_id", "body", "method", "url"})


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number in JSON")


DECODER = json.JSONDecoder(parse_constant=_no_number)
"""Reads JSON, and no more than that."""


def of_text(line: Line) -> Task:
    """Return the task that is the line itself."""
    return _task({"prompt": line.text.removesuffix("\r")})


def of_json(line: Line) -> Task:
    """Return the task that a line of JSON says."""
    text = line.text
    try:
        said: Any = DECODER.decode(text)
    except (ValueError, RecursionError) as exc:
        raise InvalidTask(f"it is not JSON ({exc}); {WANTED}") from exc
    if isinstance(said, str):
        return _task({"prompt": said})
    if not isinstance(said, dict):
        raise InvalidTask(f"{WANTED}; got {said!r:.60}")

    fields = cast("dict[str, Any]", said)
    return _task(_of_body(fields) if "body" in fields else fields)


def of_texts(cells: Fields) -> Task:
    """Return the task that the cells of a table of texts say."""
    return _task({name: _meant(name, text) for name, text in cells.items() if text})


def of_cells(cells: Fields) -> Task:
    """Return the task that the cells of a table with types say."""
    return _task({name: _whole(cell) for name, cell in cells.items() if not _is_missing(cell)})


def _task(fields: Fields) -> Task:
    prompts = [name for name in PROMPTS if fields.get(name) is not None]
    keys = [name for name in KEYS if fields.get(name) is not None]
    if len(prompts) != 1:
        raise InvalidTask(f"{WANTED}; got {' and '.join(prompts) or 'neither'}")
    if len(keys) > 1:
        raise InvalidTask(f"a task has one key; got {' and '.join(keys)}")

    prompt = _with_parts(fields[prompts[0]])
    messages = messages_of(prompt)  # Who says a text, its role tells: it stays one.
    params = {name: given for name, given in fields.items() if name not in (*PROMPTS, *KEYS)}
    asked = prompt if isinstance(prompt, str) else messages
    return Task(asked, key=_key(fields[keys[0]]) if keys else None, **cast("Any", params))


def _key(given: Any) -> Any:
    return str(given) if type(given) is int else given


def _with_parts(prompt: Any) -> Any:
    """Return *prompt* with its messages' contents as we write them, where they come in parts."""
    if not isinstance(prompt, list):
        return prompt

    return list(map(_message, cast("Iterable[Any]", prompt)))


def _message(turn: Any) -> Any:
    match turn:
        case {"content": [*parts], **fields}:
            return {**fields, "content": "".join(map(_words, parts))}
        case _:
            return turn


def _words(part: Any) -> str:
    match part:
        case {"text": str(words)}:
            return words
        case _:
            raise InvalidTask(f"the parts of a message are texts; got {part!r:.60}")


def _of_body(line: Fields) -> Fields:
    """Return what a line of an OpenAI batch says, by our names."""
    body: Any = line["body"]
    if not isinstance(body, dict):
        raise InvalidTask(f'"body" is an object with "messages"; got {body!r:.60}')
    if more := line.keys() - ENVELOPE:
        raise InvalidTask(f'beside "body" there is no {", ".join(sorted(more))}')

    ours = {BODY.get(name, name): given for name, given in cast("dict[str, Any]", body).items()}
    ours.pop(None, None)
    if isinstance(ours.get("messages"), str):
        ours["prompt"] = ours.pop("messages")
    return {**cast("Fields", ours), "custom_id": line.get("custom_id")}


def _meant(name: str, text: str) -> Any:
    canonical = ALIASES.get(name, name)
    if name == "messages":
        return _read(json.loads, text)
    return value(canonical, text, name) if canonical in PARAMETERS else text


def _read(reading: Callable[[str], Any], text: str) -> Any:
    try:
        return reading(text)
    except ValueError as exc:
        raise InvalidTask(f"messages are written as JSON in a table of texts: {exc}") from exc


def _is_missing(cell: Any) -> bool:
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


def _whole(cell: Any) -> Any:
    """Return a whole number as one: a column of them in which some are missing has fractions."""
    return int(cell) if isinstance(cell, float) and cell.is_integer() else cell
