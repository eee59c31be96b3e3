"""Ready-made replies, shaped like OpenAI's (Responses)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ._openai import HEADERS
from ._reply import Reply, words

THOUGHTS: Mapping[str, tuple[str, str]] = {
    "summary": ("response.reasoning_summary_text", "summary_index"),
    "content": ("response.reasoning_text", "content_index"),
}
"""Where a reasoning item says what was thought: the events that bring it, and what they count."""

ITEM = "msg_0c8f4b1e6f2a4d7e00692208c0a1d48196b7e1f5c3a90d2e47"


def responses_answer(
    text: str,
    *,
    model: str = "gpt-5.2-2025-12-11",
    incomplete: str | None = None,
    before: Sequence[Mapping[str, Any]] = (),
    usage: Mapping[str, Any] | None = None,
) -> Reply:
    """
    Return what ``/v1/responses`` answers.

    Args:
        text: The answer.

        model: The model that gives it.

        incomplete: Why it is not complete, as in ``"max_output_tokens"``.

        before: Items of the output that come before the answer: reasoning, commentary …

        usage: In place of the usual.
    """
    output = [*before, _message(text, "incomplete" if incomplete else "completed")]
    return Reply(headers=HEADERS, json=_ended(model, output, incomplete, usage or _usage(text)))


def responses_stream(
    *pieces: str,
    model: str = "gpt-5.2-2025-12-11",
    incomplete: str | None = None,
    before: Sequence[Mapping[str, Any]] = (),
    usage: Mapping[str, Any] | None = None,
) -> Reply:
    """
    Return what ``/v1/responses`` streams: ``len(pieces) + 8`` events, and two for each item *before*.

    Each part of what a reasoning item says takes two more.

    The arguments are those of :func:`responses_answer`.
    """
    text = "".join(pieces)
    item = _message(text, "incomplete" if incomplete else "completed")
    part = item["content"][0]
    place = {"item_id": ITEM, "output_index": len(before), "content_index": 0}
    begun = _shell(model) | {"status": "in_progress"}
    ended = _ended(model, [*before, item], incomplete, usage or _usage(text))
    told: list[Mapping[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
        *(event for index, item in enumerate(before) for event in _item_events(index, item)),
        {
            "type": "response.output_item.added",
            "output_index": len(before),
            "item": {**item, "status": "in_progress", "content": []},
        },
        {"type": "response.content_part.added", **place, "part": {**part, "text": ""}},
        *(
            {"type": "response.output_text.delta", **place, "delta": piece, "logprobs": []}
            for piece in pieces
        ),
        {"type": "response.output_text.done", **place, "text": text, "logprobs": []},
        {"type": "response.content_part.done", **place, "part": part},
        {"type": "response.output_item.done", "output_index": len(before), "item": item},
        {"type": f"response.{ended['status']}", "response": ended},
    ]
    events = [(event["type"], {**event, "sequence_number": number}) for number, event in enumerate(told)]
    return Reply(headers=HEADERS, events=events)


def _item_events(index: int, item: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    place = {"output_index": index}
    thinks = item["type"] == "reasoning"
    empty: Mapping[str, Any] = dict.fromkeys(THOUGHTS, ()) if thinks else {}
    return [
        {"type": "response.output_item.added", **place, "item": {**item, **empty}},
        *(event for told in empty for event in _thoughts(place, item, told)),
        {"type": "response.output_item.done", **place, "item": item},
    ]


def _thoughts(place: Mapping[str, Any], item: Mapping[str, Any], told: str) -> list[Mapping[str, Any]]:
    kind, index = THOUGHTS[told]
    return [
        {"type": f"{kind}.{step}", **place, "item_id": item["id"], index: number, key: part["text"]}
        for number, part in enumerate(item.get(told) or ())
        for step, key in (("delta", "delta"), ("done", "text"))
    ]


def _message(text: str, status: str) -> dict[str, Any]:
    part: dict[str, Any] = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    return {
        "id": ITEM,
        "type": "message",
        "role": "assistant",
        "status": status,
        "phase": "final_answer",
        "content": [part],
    }


def _ended(
    model: str, output: Sequence[Mapping[str, Any]], incomplete: str | None, usage: Mapping[str, Any]
) -> dict[str, Any]:
    return _shell(model) | {
        "status": "incomplete" if incomplete else "completed",
        "incomplete_details": {"reason": incomplete} if incomplete else None,
        "output": output,
        "usage": usage,
    }


def _shell(model: str) -> dict[str, Any]:
    return {
        "id": "resp_0c8f4b1e6f2a4d7e00692208bf5d9c81969a2e4b7d10c3f856",
        "object": "response",
        "created_at": 1795305600,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": model,
        "output": [],
        "parallel_tool_calls": True,
        "reasoning": {"effort": "none", "summary": None},
        "service_tier": "default",
        "store": False,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}, "verbosity": "medium"},
        "tool_choice": "auto",
        "tools": [],
        "top_logprobs": 0,
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": None,
    }


def _usage(text: str) -> dict[str, Any]:
    asked, answered = 12, words(text)
    return {
        "input_tokens": asked,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": answered,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": asked + answered,
    }
