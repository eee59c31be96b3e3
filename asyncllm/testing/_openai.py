"""Ready-made replies, shaped like OpenAI's (Chat Completions)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ._reply import Event, Reply, words

HEADERS: Mapping[str, str] = {
    "x-request-id":         "req_5f1c8a2be0d94f7c8e6b3a9d10c72e44",
    "openai-processing-ms": "412",
    "openai-version":       "2020-10-01",
}  # fmt: skip


def openai_answer(
    text: str,
    *others: str,
    model: str = "gpt-4.1-2025-04-14",
    finish_reason: str = "stop",
    reasoning: str = "",
    usage: Mapping[str, Any] | None = None,
) -> Reply:
    """
    Return what ``/v1/chat/completions`` answers; *others* are further choices.

    With *reasoning*, it is what a compatible server answers that shows what the model thought.
    """
    thought = {"reasoning_content": reasoning} if reasoning else {}
    choices: list[dict[str, Any]] = [
        {
            "index": index,
            "message": {"role": "assistant", "content": said, "refusal": None, "annotations": [], **thought},
            "logprobs": None,
            "finish_reason": finish_reason,
        }
        for index, said in enumerate((text, *others))
    ]
    counts = usage or _usage(" ".join((text, *others)))
    return Reply(
        headers=HEADERS, json=_completion("chat.completion", model) | {"choices": choices, "usage": counts}
    )


def openai_stream(
    *pieces: str,
    choices: int = 1,
    model: str = "gpt-4.1-2025-04-14",
    finish_reason: str = "stop",
    reasoning: str = "",
    usage: Mapping[str, Any] | None = None,
) -> Reply:
    """
    Return what ``/v1/chat/completions`` streams, usage included: ``len(pieces) + 4`` events.

    With several *choices* each event but the last two comes once for each of them. With
    *reasoning*, one more event says what the model thought, as compatible servers do.
    """

    def chunk(choices: Sequence[Any], usage: Mapping[str, Any] | None = None) -> Event:
        shell = _completion("chat.completion.chunk", model)
        return {**shell, "choices": choices, "usage": usage, "obfuscation": "wX3tQ"}

    def deltas(delta: Mapping[str, Any], finish_reason: str | None = None) -> list[Event]:
        said = {"delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return [chunk([{"index": index, **said}]) for index in range(choices)]

    events = [
        *deltas({"role": "assistant", "content": "", "refusal": None}),
        *(deltas({"reasoning_content": reasoning}) if reasoning else []),
        *(event for piece in pieces for event in deltas({"content": piece})),
        *deltas({}, finish_reason),
        chunk([], usage or _usage("".join(pieces))),
        "[DONE]",
    ]
    return Reply(headers=HEADERS, events=events)


def openai_error(
    status: int,
    code: str | None = None,
    message: str = "Something is wrong with the request.",
    kind: str = "invalid_request_error",
    *,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Return an error of OpenAI's; *kind* is what its body calls ``type``."""
    error = {"message": message, "type": kind, "param": None, "code": code}
    return Reply(status=status, headers={**HEADERS, **(headers or {})}, json={"error": error})


def _completion(kind: str, model: str) -> dict[str, Any]:
    return {
        "id": "chatcmpl-E9d021WuJsrRG6kucej7r1YgHUske",
        "object": kind,
        "created": 1795305600,
        "model": model,
        "service_tier": "default",
        "system_fingerprint": "fp_ff25b2783a",
    }


def _usage(text: str) -> dict[str, Any]:
    asked, answered = 12, words(text)
    return {
        "prompt_tokens": asked,
        "completion_tokens": answered,
        "total_tokens": asked + answered,
        "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
