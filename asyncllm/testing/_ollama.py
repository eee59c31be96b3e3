"""Ready-made replies, shaped like Ollama's (its own API)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._reply import Reply, words


def ollama_answer(
    text: str,
    *,
    model: str = "llama3.2",
    done_reason: str = "stop",
    thinking: str = "",
    usage: Mapping[str, Any] | None = None,
) -> Reply:
    """Return what ``/api/chat`` answers to a request with ``"stream": false``."""
    return Reply(json=_line(model, text, thinking) | _end(text, done_reason, usage))


def ollama_stream(
    *pieces: str,
    model: str = "llama3.2",
    done_reason: str = "stop",
    thinking: str = "",
    usage: Mapping[str, Any] | None = None,
) -> Reply:
    """
    Return what ``/api/chat`` streams: ``len(pieces) + 1`` lines.

    With *thinking*, there is a line more, before the others.
    """
    lines = [
        *([_line(model, "", thinking)] if thinking else []),
        *(_line(model, piece) for piece in pieces),
        _line(model, "") | _end("".join(pieces), done_reason, usage),
    ]
    return Reply(lines=lines)


def ollama_error(
    status: int, message: str = "something went wrong", *, headers: Mapping[str, str] | None = None
) -> Reply:
    """Return an error of Ollama's: a text, and no code."""
    return Reply(status=status, headers=headers or {}, json={"error": message})


def _line(model: str, text: str, thinking: str = "") -> dict[str, Any]:
    thought = {"thinking": thinking} if thinking else {}
    return {
        "model": model,
        "created_at": "2026-11-22T12:00:00.123456789Z",
        "message": {"role": "assistant", "content": text, **thought},
        "done": False,
    }


def _end(text: str, done_reason: str, usage: Mapping[str, Any] | None) -> dict[str, Any]:
    counts = {"prompt_eval_count": 12, "eval_count": words(text)} if usage is None else usage
    return {
        "done": True,
        "done_reason": done_reason,
        "total_duration": 4_935_886_791,
        "load_duration": 534_986_708,
        "prompt_eval_duration": 107_345_000,
        "eval_duration": 4_289_432_000,
        **counts,
    }
