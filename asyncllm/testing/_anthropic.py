"""Ready-made replies, shaped like Anthropic's (Messages)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ._reply import Reply, words

HEADERS: Mapping[str, str] = {"request-id": "req_011CdZKxWq4CXMnBjSPeCMUj"}

SIGNATURE = "EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pk"

TOKENS: Mapping[str, int] = {
    "input_tokens":                12,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens":     0,
}  # fmt: skip


def anthropic_answer(
    text: str,
    *,
    model: str = "claude-sonnet-4-6",
    stop_reason: str = "end_turn",
    stop_sequence: str | None = None,
    thinking: str | None = None,
    usage: Mapping[str, Any] | None = None,
) -> Reply:
    """Return what ``/v1/messages`` answers; *thinking* is what the model thought before."""
    thoughts = [] if thinking is None else [_thought(thinking, SIGNATURE)]
    body = _message(model, usage or _usage(words(text))) | {
        "content": [*thoughts, {"type": "text", "text": text}],
        "stop_reason": stop_reason,
        "stop_sequence": stop_sequence,
    }
    return Reply(headers=HEADERS, json=body)


def anthropic_stream(
    *pieces: str,
    model: str = "claude-sonnet-4-6",
    stop_reason: str = "end_turn",
    stop_sequence: str | None = None,
    thinking: str | None = None,
    usage: Mapping[str, Any] | None = None,
) -> Reply:
    """
    Return what ``/v1/messages`` streams: ``len(pieces) + 6`` events.

    What the model thought before, *thinking*, takes four more.
    """
    first = _message(model, _usage(1))
    end = {"stop_reason": stop_reason, "stop_sequence": stop_sequence, "stop_details": None}
    thoughts = [] if thinking is None else _block(0, _thought("", ""), _thinking(thinking))
    texts = [{"type": "text_delta", "text": piece} for piece in pieces]
    usage = usage or {**TOKENS, "output_tokens": words("".join(pieces))}
    begun, *content = [*thoughts, *_block(1 if thoughts else 0, {"type": "text", "text": ""}, texts)]
    events: list[Mapping[str, Any]] = [
        {"type": "message_start", "message": first},
        begun,
        {"type": "ping"},
        *content,
        {"type": "message_delta", "delta": end, "usage": usage},
        {"type": "message_stop"},
    ]
    return Reply(headers=HEADERS, events=[(event["type"], event) for event in events])


def anthropic_error(
    status: int,
    kind: str = "invalid_request_error",
    message: str = "Something is wrong with the request.",
    *,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Return an error of Anthropic's; *kind* is what its body calls ``type``."""
    error = {"type": kind, "message": message}
    body = {"type": "error", "error": error, "request_id": HEADERS["request-id"]}
    return Reply(status=status, headers={**HEADERS, **(headers or {})}, json=body)


def _block(
    index: int, begun: Mapping[str, Any], deltas: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    return [
        {"type": "content_block_start", "index": index, "content_block": begun},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def _thought(thinking: str, signature: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": thinking, "signature": signature}


def _thinking(text: str) -> list[dict[str, Any]]:
    return [
        {"type": "thinking_delta", "thinking": text},
        {"type": "signature_delta", "signature": SIGNATURE},
    ]


def _message(model: str, usage: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": "msg_011CdZKw6Ahka5LkLc1iDrRk",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
        "usage": usage,
    }


def _usage(output_tokens: int) -> dict[str, Any]:
    return {
        **TOKENS,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": output_tokens,
        "output_tokens_details": {"thinking_tokens": 0},
        "service_tier": "standard",
        "inference_geo": "global",
    }
