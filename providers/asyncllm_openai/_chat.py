"""Chat Completions: our requests in its words, and its answers in ours."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from asyncllm import http
from asyncllm.errors import ErrorTable, UnexpectedResponse
from asyncllm.provider import Choice, Delta, Request, Response, Role

from ._completion import WireChoice, sound
from ._wire import word

DONE = "[DONE]"
"""The data of a stream's last event."""


class Chat(http.Surface):
    """
    OpenAI's Chat Completions.

    Args:
        errors: Which error of ours each of the server's codes is.

        choices: How many answers are to come.

        called: Roles that the server lacks, and those that say on the wire what they said.
    """

    path = "/chat/completions"
    last_event = DONE

    def __init__(self, errors: ErrorTable, *, choices: int, called: Mapping[Role, Role]) -> None:
        self._errors = errors
        self._choices = choices
        self._called = called

    def body(self, request: Request, *, stream: bool) -> bytes:
        fields: dict[str, Any] = {
            "model": request.model,
            "messages": messages_of(request, called=self._called),
            **request.options,
        }
        if stream:
            fields |= {"stream": True, "stream_options": {"include_usage": True}}
        return msgspec.json.encode(fields)

    def response(self, content: bytes, request_id: str | None) -> Response:
        answer = sound(content, self._errors, request_id)
        if not answer.choices:
            raise UnexpectedResponse("the answer holds no choices", request_id=request_id)

        return Response(
            choices=tuple(
                Choice(
                    text=choice.text,
                    finish_reason=choice.why() or "unknown",
                    matched_stop=choice.matched_stop,
                    logprobs=choice.tokens(),
                    reasoning=choice.reasoning,
                )
                for choice in sorted(answer.choices, key=lambda choice: choice.index or 0)
            ),
            usage=answer.counts(),
            model=word(answer.model) or "",
            request_id=request_id,
            raw=msgspec.json.decode(content),
        )

    def reader(self, request_id: str | None) -> Callable[[str], Iterable[Delta]]:
        return Reader(self._errors, choices=self._choices, request_id=request_id).read


class Reader:
    """Reads a stream's events, and keeps which of its texts have ended, and which are refusals."""

    def __init__(self, errors: ErrorTable, *, choices: int, request_id: str | None) -> None:
        self._errors = errors
        self._request_id = request_id
        # Of a stream that was cut, some may not even have begun; they are no less missing.
        self._announced = [Delta(index=index) for index in range(1, choices)]
        self._begun, self._ended, self._refused = set(range(choices)), set[int](), set[int]()

    def read(self, data: str) -> Iterable[Delta]:
        """Return what the event with *data* brings."""
        if data == DONE:
            # A server that gives no finish reason (Ollama, at times) has still said so much.
            return [Delta(index=index, finish_reason="unknown") for index in self._begun - self._ended]

        chunk = sound(data, self._errors, self._request_id)
        deltas = [self._delta(choice, word(chunk.model)) for choice in chunk.choices or ()]
        self._begun.update(delta.index for delta in deltas)
        self._ended.update(delta.index for delta in deltas if delta.finish_reason)
        if (usage := chunk.counts()) is not None:
            deltas.append(Delta(usage=usage, model=word(chunk.model), request_id=self._request_id))
        announced, self._announced = self._announced, []
        return [*announced, *deltas]

    def _delta(self, choice: WireChoice, model: str | None) -> Delta:
        index, reason = choice.index or 0, choice.why()
        if choice.is_refusal:
            self._refused.add(index)
        return Delta(
            text=choice.text,
            index=index,
            finish_reason="refusal" if reason == "stop" and index in self._refused else reason,
            matched_stop=choice.matched_stop,
            logprobs=choice.tokens(),
            reasoning=choice.reasoning,
            model=model,
            request_id=self._request_id,
        )


def messages_of(request: Request, *, called: Mapping[Role, Role]) -> list[dict[str, str]]:
    """Return the messages of *request* as Chat Completions has them, by the roles that they are *called*."""
    return [
        {"role": called.get(message.role, message.role), "content": message.text}
        for message in request.messages
    ]
