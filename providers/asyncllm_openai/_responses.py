"""The Responses API: our requests in its words, and its answers in ours."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from asyncllm import http
from asyncllm.errors import ErrorTable, ProviderError, RequestRejected, Unavailable, UnexpectedResponse
from asyncllm.provider import Choice, Delta, Message, Request, Response

from ._answer import PARAGRAPH, Answer, Event, answer_decoder, event_decoder, tokens_of
from ._wire import WireError, failed, word

UNDER_WAY = frozenset({"queued", "in_progress"})
LAST = frozenset({"response.completed", "response.incomplete", "response.failed", "response.cancelled"})
"""The types of a stream's last event: what came before counts only with one of them."""
THOUGHTS = frozenset({"response.reasoning_text.delta", "response.reasoning_summary_text.delta"})
"""Those of events that bring what the model thinks."""


class Responses(http.Surface):
    """
    OpenAI's Responses API.

    Args:
        errors: Which error of ours each of the server's codes is.
    """

    path = "/responses"

    def __init__(self, errors: ErrorTable) -> None:
        self._errors = errors

    def body(self, request: Request, *, stream: bool) -> bytes:
        fields: dict[str, Any] = {
            "model": request.model,
            "input": items_of(request),
            # As in Chat Completions: nobody asked the server to keep it.
            "store": False,
            **request.options,
        }
        if stream:
            fields["stream"] = True
        return msgspec.json.encode(fields)

    def response(self, content: bytes, request_id: str | None) -> Response:
        answer = sound(answer_decoder.decode(content), self._errors, request_id)
        if answer.output is None or word(answer.status) in UNDER_WAY:
            raise UnexpectedResponse(
                f"the answer holds no output; its status is {answer.status!r}", request_id=request_id
            )

        choice = Choice(
            text=answer.text,
            finish_reason=answer.why(refused=answer.is_refusal),
            logprobs=answer.tokens(),
            reasoning=answer.reasoning,
        )
        return Response(
            choices=(choice,),
            usage=answer.counts(),
            model=word(answer.model) or "",
            request_id=request_id,
            raw=msgspec.json.decode(content),
        )

    def reader(self, request_id: str | None) -> Callable[[str], Iterable[Delta]]:
        return Reader(self._errors, request_id=request_id).read


class Reader:
    """Reads a stream's events, and keeps which of its items are no answer, and whether it is a refusal."""

    def __init__(self, errors: ErrorTable, *, request_id: str | None) -> None:
        self._errors = errors
        self._request_id = request_id
        self._asides: list[Any] = []
        self._said: list[str] = []
        self._thought: list[str] = []
        self._thinks_in: tuple[Any, ...] = ()
        self._refused = False

    def read(self, data: str) -> Iterable[Delta]:
        """Return what the event with *data* brings; the end counts only when its own event has said so."""
        event = event_decoder.decode(data)
        if event.type == "error" or event.error is not None:
            raise _failed(_error(event), self._errors, self._request_id)

        if word(event.type) in LAST and event.response is not None:
            return [self._end(sound(event.response, self._errors, self._request_id))]
        if event.type == "response.output_item.added" and event.item and event.item.is_commentary:
            self._asides.append(event.item.id)
        if word(event.type) in THOUGHTS:
            return self._thoughts(event)
        if event.type == "response.refusal.delta":
            self._refused = True
        elif event.type != "response.output_text.delta" or event.item_id in self._asides:
            return ()
        text = word(event.delta) or ""
        self._said.append(text)
        return [Delta(text=text, logprobs=tuple(tokens_of(event.logprobs)), request_id=self._request_id)]

    def _thoughts(self, event: Event) -> Iterable[Delta]:
        """Return what *event* brings of the thoughts, whose parts are paragraphs."""
        if not (text := word(event.delta)):
            return ()

        part = (event.type, event.item_id, event.summary_index, event.content_index)
        thought = text if self._thinks_in in ((), part) else PARAGRAPH + text
        self._thinks_in = part
        self._thought.append(thought)
        return [Delta(reasoning=thought, request_id=self._request_id)]

    def _end(self, answer: Answer) -> Delta:
        # The last event holds the whole answer, and a gateway may have sent less of it before, or none.
        said = "".join(self._said)
        return Delta(
            text=_rest(answer.text, said),
            reasoning=_rest(answer.reasoning, "".join(self._thought)),
            finish_reason=answer.why(refused=self._refused or answer.is_refusal),
            logprobs=() if said else answer.tokens(),
            usage=answer.counts(),
            model=word(answer.model),
            request_id=self._request_id,
        )


def sound(answer: Answer, errors: ErrorTable, request_id: str | None) -> Answer:
    """Return *answer*, or raise the error that it is, whatever its status said."""
    error = WireError(answer.error) if isinstance(answer.error, str) else answer.error
    if error is None and answer.status != "failed":
        return answer

    raise _failed(error or WireError("the answer failed"), errors, request_id)


def _rest(whole: str, said: str) -> str:
    """Return what follows on *said* in *whole*; nothing where that says otherwise."""
    return whole.removeprefix(said) if whole.startswith(said) else ""


def items_of(request: Request) -> list[dict[str, str]]:
    """Return the messages of *request* as the Responses API has them, in their order."""
    return [_item(message) for message in request.messages]


def _item(message: Message) -> dict[str, str]:
    # llama-server takes the type of a message from the assistant only where it is said.
    return {"type": "message", "role": message.role, "content": message.text}


def _failed(error: WireError, errors: ErrorTable, request_id: str | None) -> ProviderError:
    # What deserves another try is in the table; what a policy or an image is refused by has ever new codes.
    unknown = RequestRejected if isinstance(error.code, str) else Unavailable
    return failed(error, errors, request_id, unknown=unknown)


def _error(event: Event) -> WireError:
    if isinstance(event.error, WireError):
        return event.error
    return WireError(message=word(event.message) or word(event.error), code=word(event.code))
