"""Summaries of texts of any length."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Unpack, cast

from asyncllm._bounded import CONCURRENCY
from asyncllm._kinds import String, Whole
from asyncllm._model import Model
from asyncllm._sync import synchronous
from asyncllm._tasks import messages_of
from asyncllm._types import FinishReason, Prompt, Response
from asyncllm._vocabulary import Parameter, Params
from asyncllm.errors import ContextLengthExceeded, InvalidTask
from asyncllm.provider import Request, estimated

from ._condense import Condenser
from ._task import Wish

CONTEXT_SIZE = Parameter(Whole(low=1), "How many tokens prompt and answer may take together.", "tokens")

ASSUMED = 128_000
"""Tokens of context where nobody says: what does not fit after all is halved."""
ANSWERS_SHARE = 4
"""The part of the context that is left for the answer, where nothing limits it: a quarter."""
PLAIN: Params = {"num_return_sequences": 1, "role": "user"}
"""What is asked for whatever is set: one summary; and by the user, since it is no answer's beginning."""
WITHHELD: frozenset[FinishReason] = frozenset({"refusal", "content_filter"})
"""How an answer ends that is no summary, whatever it says."""
BYTES_A_TOKEN = 3
"""Fewer than in usual texts, as for every estimate."""


class Summaries:
    """What an LLM does with long texts."""

    @abstractmethod
    async def arun(self, task: Prompt, **params: Unpack[Params]) -> str:
        """Ask once and return the answer's text."""

    @abstractmethod
    async def agenerate(self, task: Prompt, **params: Unpack[Params]) -> Response:
        """Ask once and return the answer with all that is known of it."""

    @property
    @abstractmethod
    def _llm_answers_itself(self) -> bool:
        """Whether the class has an answer of its own to a task."""

    @abstractmethod
    def _llm_asked(self, params: Params) -> dict[str, Any]:
        """Take a snapshot of the parameters."""

    async def agenerate_summary(
        self,
        text: str,
        *,
        style: str = "paragraph",
        max_words: int | None = None,
        instructions: str | None = None,
        context_size: int | None = None,
        max_concurrency: int = 16,
        **params: Unpack[Params],
    ) -> str:
        """
        Return a summary of *text*, however long that is.

        ::

            await llm.agenerate_summary(report, style="bullets", max_words=100)

        A text that the model can read at once takes one call. A longer one is split
        into passages, at the ends of paragraphs where it can be; these are summarised
        side by side, and their summaries once more together, in the same order. A
        passage that turns out too long for the model is halved.

        The text is data: it stands between marks of its own, and the model is told to
        follow no instruction in it. No prompt makes that certain; trust a summary as
        far as you trust the text.

        Args:
            text: What to summarise.

            style:
                ``"paragraph"``, ``"bullets"``, ``"headline"``, ``"sentence"``, or in your
                own words, as in ``"a letter to a child"``.

            max_words: Ask for at most so many words. ``max_tokens`` is the limit that cuts.

            instructions: What else the model is told: what matters, for whom, in which language.

            context_size:
                How many tokens the model takes, prompt and answer together, where you
                know it better: by default what the provider says, or else 128 000.

            max_concurrency: Ask at most this many passages at a time.

            params:
                Parameters for each call, as in :meth:`arun`. What is set on the LLM holds
                too, but for ``num_return_sequences`` and ``role``: one summary is asked
                for, by the user.

        Raises:
            InvalidTask: There is nothing to summarise, or it is no text.
            ContextLengthExceeded: Not even a short passage fits beside all that is said around it.
            UnexpectedResponse: The model gave no summary: it answered with nothing, or refused. Where
                that is so of some passages only, a log line (``summaries_missing``) says of how many.
            ProviderError: The provider failed; the first error cancels the other calls.
        """
        text = _checked(text)
        wish = Wish(style=style, max_words=max_words, instructions=instructions)
        at_once: int = CONCURRENCY.check("max_concurrency", max_concurrency)
        if context_size is not None:
            context_size = CONTEXT_SIZE.check("context_size", context_size)

        longest = self._llm_longest(wish, context_size, params)

        async def ask(task: str) -> str:
            return await self._llm_summary(task, params)

        return await Condenser(ask, wish, longest=longest, at_once=at_once).condense(text)

    generate_summary = synchronous(agenerate_summary)

    async def _llm_summary(self, task: str, params: Params) -> str:
        if self._llm_answers_itself:
            answer = await self.arun(task, **params)
            if not isinstance(cast("Any", answer), str):
                raise TypeError(
                    f"{type(self).__name__} has to answer with a text; got {type(answer).__name__}"
                )
            return answer

        asked = self._llm_asked(params)
        plain = {name: value for name, value in PLAIN.items() if name in asked}
        response = await self.agenerate(task, **cast("Params", {**params, **plain}))
        if response.finish_reason in WITHHELD:
            return ""
        # Where there is hardly room for an answer, it is no summary; one that just goes on and on may be.
        if response.finish_reason == "context_length" and 3 * len(response.text) < len(task):
            raise ContextLengthExceeded("the text leaves its summary too little of the model's context")
        return response.text

    def _llm_longest(self, wish: Wish, context_size: int | None, params: Params) -> int:
        """Return how many bytes a passage may take, rather too few than too many."""
        task = wish.of_whole("", is_merged=True)
        request = Request(model="", messages=messages_of(task), options={})
        asked: dict[str, Any] = {}
        # A subclass's __init__ may not call ours, and there may be no model behind it.
        model: Model | None = vars(self).get("_llm_model")
        if model is not None and model.provider:
            asked = self._llm_asked(Params() if self._llm_answers_itself else params)
            request = model.applied(task, asked).request
            context_size = context_size or model.rulebook.context_size(request)

        known = context_size or ASSUMED
        context: int = min(known, asked.get("max_length", known))
        answer: int = min(asked.get("max_tokens", context // ANSWERS_SHARE), context // 2)
        return (context - estimated(request).tokens - answer) * BYTES_A_TOKEN


def _checked(text: Any) -> str:
    """
    Return *text* if there is something to summarise.

    Raises:
        InvalidTask: There is nothing, or it is no text.
    """
    if not isinstance(text, str):
        raise InvalidTask(f"a summary takes a text; got a {type(text).__name__}")
    if not text.strip():
        raise InvalidTask("there is nothing to summarise: the text is empty")
    try:
        return String().checked(text)
    except UnicodeEncodeError as exc:
        raise InvalidTask(f"the text holds half of a character, which nothing could send: {exc}") from exc
