"""Anthropic's Message Batches, scripted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ._anthropic import anthropic_answer
from ._batch_server import NOT_FOUND, Batched, BatchServer, Fate, Submitted
from ._reply import Reply


class AnthropicBatchServer(BatchServer):
    """Anthropic's Message Batches; the arguments are those of :class:`BatchServer`."""

    path = "/v1/messages/batches"
    cursor = "after_id"
    longest_page = 1000

    @staticmethod
    def capitals(request: Batched) -> Reply:
        return anthropic_answer(request.text.upper())

    def create(self, asked: Any) -> Reply:
        lines = [(line["custom_id"], "/v1/messages", line["params"]) for line in asked["requests"]]
        return self.created(self.made(lines, {}))

    def about(self, batch: Submitted, verb: str) -> Reply:
        if verb != "results":
            return super().about(batch, verb)
        return self.file([_line(*each) for each in batch.fates]) if batch.is_over else NOT_FOUND

    def shown(self, batch: Submitted) -> Mapping[str, Any]:
        kinds = Counter(_kind(fate) for _, fate in batch.fates)
        counts = dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired"), 0)
        counts |= kinds if batch.is_over else {"processing": len(batch.requests)}
        status = "ended" if batch.is_over else "canceling" if batch.is_cancelled else "in_progress"
        created = datetime.fromtimestamp(batch.created, UTC).isoformat()
        return {
            "id": batch.id,
            "type": "message_batch",
            "processing_status": status,
            "request_counts": counts,
            "created_at": created,
            "cancel_initiated_at": created if batch.is_cancelled else None,
            "archived_at": None,
            "results_url": f"https://api.example/v1/messages/batches/{batch.id}/results"
            if batch.is_over
            else None,
        }


def _kind(fate: Fate) -> str:
    if isinstance(fate, Reply):
        return "succeeded" if fate.status < 400 else "errored"
    return fate


def _line(request: Batched, fate: Fate) -> Mapping[str, Any]:
    result: dict[str, Any] = {"type": _kind(fate)}
    if isinstance(fate, Reply):
        result["message" if fate.status < 400 else "error"] = fate.json
    return {"custom_id": request.custom_id, "result": result}
