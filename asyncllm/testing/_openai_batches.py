"""OpenAI's Batch API, scripted."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from ._batch_server import NOT_FOUND, Batched, BatchServer, Fate, Submitted, is_answered
from ._openai import openai_answer
from ._reply import Recorded, Reply


class OpenAIBatchServer(BatchServer):
    """OpenAI's Batch API, and of Files what it takes; the arguments are those of :class:`BatchServer`."""

    path = "/v1/batches"
    cursor = "after"
    longest_page = 100

    def __init__(self, fate: Callable[[Batched], Fate] | None = None, *, looks: int = 2) -> None:
        super().__init__(fate, looks=looks)
        self.files: list[bytes] = []
        """The files that were uploaded."""

    @staticmethod
    def capitals(request: Batched) -> Reply:
        return openai_answer(request.text.upper())

    def elsewhere(self, request: Recorded) -> Reply:
        if request.path == "/v1/files":
            return self._upload(request)

        kind, _, name = request.path.removeprefix("/v1/files/").removesuffix("/content").partition("-")
        batch = next((batch for batch in self.batches if batch.id == name), None)
        if batch is None:
            return NOT_FOUND
        wanted = [each for each in batch.fates if is_answered(each[1]) is (kind == "out")]
        return self.file([_line(*each) for each in wanted])

    def shown(self, batch: Submitted) -> Mapping[str, Any]:
        answered = [is_answered(fate) for _, fate in batch.fates]
        expired = any(fate == "expired" for _, fate in batch.fates)
        status = "in_progress" if batch.looks > 1 else "validating"
        if batch.is_over:
            status = "expired" if expired else "cancelled" if batch.is_cancelled else "completed"
            status = "failed" if batch.refused else status
        elif batch.is_cancelled:
            status = "cancelling"
        return {
            "id": batch.id,
            "object": "batch",
            "endpoint": batch.asked["endpoint"],
            "input_file_id": batch.asked["input_file_id"],
            "completion_window": batch.asked["completion_window"],
            "status": status,
            "created_at": int(batch.created),
            "metadata": batch.asked.get("metadata"),
            "errors": {"object": "list", "data": batch.refused} if batch.is_over and batch.refused else None,
            "output_file_id": f"out-{batch.id}" if any(answered) else None,
            "error_file_id": f"err-{batch.id}" if not all(answered) else None,
            "request_counts": {
                "total": len(batch.requests),
                "completed": sum(answered),
                "failed": len(answered) - sum(answered),
            },
        }

    def _upload(self, request: Recorded) -> Reply:
        _, content = request.headers["content-type"].split("boundary=")
        *_, part, _ = request.body.split(b"--" + content.encode())
        self.files.append(part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n"))
        return Reply(json={"id": f"file-{len(self.files) - 1}", "object": "file", "purpose": "batch"})

    def create(self, asked: Mapping[str, Any]) -> Reply:
        content = self.files[int(asked["input_file_id"].removeprefix("file-"))]
        lines = [json.loads(line) for line in content.splitlines()]
        batch = self.made([(line["custom_id"], line["url"], line["body"]) for line in lines], asked)
        return self.created(batch)


def _line(request: Batched, fate: Fate) -> Mapping[str, Any]:
    if isinstance(fate, Reply):
        response = {"status_code": fate.status, "request_id": "req_in_a_batch", "body": fate.json}
        return {"id": "batch_req_1", "custom_id": request.custom_id, "response": response, "error": None}

    code = {"expired": "batch_expired", "canceled": "batch_cancelled"}[fate]
    error = {"code": code, "message": "This request was not executed."}
    return {"id": "batch_req_1", "custom_id": request.custom_id, "response": None, "error": error}
