"""One answer as it grows, token by token."""

from __future__ import annotations

import codecs
from collections.abc import Iterable

from asyncllm import FinishReason, Usage
from asyncllm.errors import ContextLengthExceeded, RequestRejected
from asyncllm.provider import Delta, StopMatcher

from ._vocabulary import Vocabulary


class Sequence:
    """
    The text of one answer, its limits, and the stop tokens that end it.

    Args:
        vocabulary: What the tokens mean.

        prompt: The tokens that the answer continues.

        room: How many tokens prompt and answer may take together.

        max_tokens: How many the answer may take; None is as many as there is room for.

        stops: Texts that end the answer.

    Raises:
        ContextLengthExceeded: There is no room for an answer.
        RequestRejected: There is no prompt.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        *,
        prompt: list[int],
        room: int,
        max_tokens: int | None,
        stops: Iterable[str],
    ) -> None:
        if not prompt:  # llama.cpp ends the process if asked what follows on nothing.
            raise RequestRejected(
                "the prompt is empty: the model's chat template makes nothing of the messages"
            )
        if len(prompt) >= room:
            raise ContextLengthExceeded(
                f"the prompt takes {len(prompt)} tokens, and with its answer it has to fit into a context of "
                f"{room}; shorten it, or open the model with a larger context_size=…"
            )
        self.prompt = prompt
        self._vocabulary = vocabulary
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._matcher = StopMatcher(stops)
        self._count = 0
        left = room - len(prompt)
        self._limit = left if max_tokens is None else min(left, max_tokens)
        self._at_limit: FinishReason = "length" if self._limit == max_tokens else "context_length"

    def take(self, token: int) -> Delta:
        """Take in the next token; return what it adds to the text, and whether the answer ends with it."""
        self._count += 1
        if self._vocabulary.ends(token):
            return self._end("stop", "")

        text = self._matcher.push(self._decoder.decode(self._vocabulary.piece(token)))
        if self._matcher.matched is not None or self._count == self._limit:
            return self._end(self._at_limit, text)

        return Delta(text=text)

    def _end(self, reason: FinishReason, text: str) -> Delta:
        """Return the rest: a letter that is not complete, and what might have become a stop token."""
        text += self._matcher.push(self._decoder.decode(b"", final=True))
        text += self._matcher.finish()
        matched = self._matcher.matched
        return Delta(
            text=text,
            finish_reason=reason if matched is None else "stop_sequence",
            matched_stop=matched,
            usage=Usage(input_tokens=len(self.prompt), output_tokens=self._count),
        )
