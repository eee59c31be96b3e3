"""One answer as it grows, token by token."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Mapping

from asyncllm.errors import ContextLengthExceeded, InvalidParameter, RequestRejected
from asyncllm.provider import Delta, FinishReason, StopMatcher, TokenLogprob, Usage

from ._scores import Likelihood
from ._splitter import Splitter
from ._vocabulary import Vocabulary


class Sequence:
    """
    The text of one answer, its limits, and the stop tokens that end it.

    Args:
        vocabulary: What the tokens mean.

        prompt: The tokens that the answer continues.

        room: How many tokens prompt and answer may take together.

        max_tokens: How many the answer may take; None is as many as there is room for.

        max_length: How many prompt and answer may take together, by the caller's will.

        stops: Texts that end the answer.

        ends: Tokens that end the answer, besides those that the model has for it.

        splitter: What tells the thoughts from the answer; by default nothing does.

        marks: What stands for tokens that would add nothing to a text: the tags of thoughts.

    Raises:
        ContextLengthExceeded: There is no room for an answer.
        InvalidParameter: *max_length* leaves no room for one.
        RequestRejected: There is no prompt.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        *,
        prompt: list[int],
        room: int,
        max_tokens: int | None,
        max_length: int | None = None,
        stops: Iterable[str],
        ends: Iterable[int] = (),
        splitter: Splitter | None = None,
        marks: Mapping[int, bytes] | None = None,
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
        self.cached = 0
        """How many tokens of the prompt the model had read before."""
        self._vocabulary = vocabulary
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._splitter = splitter or Splitter(None)
        self._marks = marks or {}
        self._matcher = StopMatcher(stops)
        self._ends = frozenset(ends)
        self._logprobs: list[TokenLogprob] = []
        self._count = 0
        self._before_answer = 0
        left = room - len(prompt)
        asked = _tighter(max_tokens, None if max_length is None else max_length - len(prompt))
        if asked is not None and asked < 1:
            raise InvalidParameter(
                f"max_length={max_length} leaves no room for an answer: the prompt takes {len(prompt)} tokens"
            )
        self.limit = left if asked is None else min(left, asked)
        """How many tokens the answer may take."""
        self.at_limit: FinishReason = "length" if self.limit == asked else "context_length"
        """Why it ends there."""

    @property
    def is_thinking(self) -> bool:
        """Whether what comes next is a thought: no part of the answer."""
        return self._splitter.is_thinking

    @property
    def reasoning(self) -> int:
        """How many tokens were thought so far, with the tags around them."""
        return self._before_answer if self._splitter.has_thought else 0

    def take(self, token: int, likelihood: Likelihood | None = None) -> Delta:
        """
        Take in the next token; return what it adds to text or thoughts, and whether the answer ends with it.

        Args:
            token: The token.

            likelihood: How likely it was, where the caller asked.
        """
        self._count += 1
        if self._vocabulary.ends(token) or token in self._ends:
            return self._end("stop", "")

        mark = self._marks.get(token) if self._splitter.takes_tags else None
        written = mark or self._vocabulary.piece(token)
        letters = self._answered(self._decoder.decode(written), likelihood)
        text = self._matcher.push(letters)
        if self._matcher.matched is not None or self._count == self.limit:
            return self._end(self.at_limit, text)

        return Delta(text=text, logprobs=self._told() if text else (), reasoning=self._splitter.thought())

    def _answered(self, letters: str, likelihood: Likelihood | None) -> str:
        """Return what *letters* add to the answer, which they may only show to have begun."""
        was_answering = self._splitter.is_answering
        self._before_answer += not was_answering
        answered = self._splitter.push(letters)
        is_thought = self._splitter.has_thought and not was_answering
        if is_thought:
            self._logprobs.clear()  # What might have been the answer was a tag.
        if likelihood is not None and (answered or not is_thought):
            said = answered if self._splitter.has_thought else letters
            self._logprobs.append(self._said(said, likelihood))
        return answered

    def _end(self, reason: FinishReason, text: str) -> Delta:
        """Return the rest: a letter that is not complete, and what might have become a stop token."""
        rest = self._splitter.push(self._decoder.decode(b"", final=True)) + self._splitter.finish()
        text += self._matcher.push(rest) + self._matcher.finish()
        matched = self._matcher.matched
        return Delta(
            text=text,
            finish_reason=reason if matched is None else "stop_sequence",
            matched_stop=matched,
            logprobs=self._told(),
            reasoning=self._splitter.thought(),
            usage=Usage(
                input_tokens=len(self.prompt),
                output_tokens=self._count,
                cached_tokens=self.cached,
                reasoning_tokens=self.reasoning,
            ),
        )

    def _said(self, letters: str, likelihood: Likelihood) -> TokenLogprob:
        """A token that ends within a letter adds nothing yet, so that the tokens make up the text."""
        likeliest = tuple((self._vocabulary.name(token), logprob) for token, logprob in likelihood.likeliest)
        return TokenLogprob(token=letters, logprob=likelihood.logprob, likeliest=likeliest)

    def _told(self) -> tuple[TokenLogprob, ...]:
        told, self._logprobs = tuple(self._logprobs), []
        return told


def _tighter(*limits: int | None) -> int | None:
    return min((limit for limit in limits if limit is not None), default=None)
