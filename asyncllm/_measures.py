"""What can be learnt of an LLM's speed and use: from its calls so far, or from calls that measure it."""

from __future__ import annotations

import functools
import time
from abc import abstractmethod
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from typing import Unpack

from ._bounded import CONCURRENCY, map_bounded
from ._collector import Collector
from ._later import later
from ._metrics import Metrics
from ._stream import Stream
from ._sync import synchronous
from ._tasks import check_tasks
from ._types import Count, Prompt
from ._vocabulary import Params

ONE = "a"
"""A text that every tokenizer makes one token of."""


class Measures:
    """
    The measuring methods of an LLM.

    Some tell of the calls that were made anyway, and ask nothing; those that
    take a prompt ask the model.
    """

    _llm_collector: Collector = later()

    @abstractmethod
    async def arun(self, task: Prompt, **params: Unpack[Params]) -> str:
        """Ask once and return the answer's text."""

    @abstractmethod
    def astream(self, task: Prompt, **params: Unpack[Params]) -> AbstractAsyncContextManager[Stream]:
        """Ask once and take the answer as it comes."""

    @property
    @abstractmethod
    def _llm_answers_itself(self) -> bool:
        """Whether the class has an answer of its own to a task."""

    @abstractmethod
    async def _llm_count(self, task: str) -> Count:
        """Count *task* as a prompt, with all that stands around it."""

    def metrics(self) -> Metrics:
        """
        Return what the calls of this LLM took so far; the model is not asked.

        ::

            print(llm.metrics())
            print(sum((each.metrics() for each in llms), Metrics()).cost())
        """
        return self._llm_collector.snapshot()

    def get_generation_time(self) -> float:
        """Return the seconds that the last answer was waited for; 0 before the first."""
        return self._llm_collector.latest

    def _tokens_per_second(self) -> float:
        """
        Return the rate at which answers came so far, each call for itself; 0 before the first.

        Of a class that answers by itself it is estimated by the size of the texts.
        """
        return self.metrics().tokens_per_second or 0.0

    async def anum_tokens(self, text: str) -> Count:
        """
        Count the tokens of *text* alone, without what a template puts around it.

        ``exact`` says whether the model's own tokenizer counted; otherwise it is an
        estimate, as where a class answers by itself and there is no model. The model is
        not asked, but a provider's server may be: some count for free. White space at
        the ends of the text is an estimate too, since templates and servers trim it.

        Raises:
            ProviderError: The provider was asked, and failed.
        """
        if not text:
            return Count(tokens=0, exact=True)

        clean = text == text.strip()
        fenced, fence = (text, 0) if clean else (ONE + text + ONE, 2)
        whole, one = await map_bounded(self._llm_count, (fenced, ONE), limit=2)
        tokens = whole.tokens - (one.tokens - 1) - fence
        return Count(tokens=max(tokens, 1), exact=whole.exact and one.exact and clean)

    async def ageneration_latency(self, prompt: Prompt, **params: Unpack[Params]) -> float:
        """Ask the model and return the seconds that the whole answer took."""
        began = time.perf_counter()
        await self.arun(prompt, **params)
        # With all that a subclass does around the call of the model.
        self._llm_collector.latest = seconds = time.perf_counter() - began
        return seconds

    async def atime_to_first_token(self, prompt: Prompt, **params: Unpack[Params]) -> float:
        """
        Ask the model and return the seconds to the first piece of text; there the answer is left.

        The first call of all also opens what calls need: connections, a local model.
        An answer without text is timed as a whole, and so is that of a class that
        answers by itself: nobody sees less of it.
        """
        began = time.perf_counter()
        if self._llm_answers_itself:
            await self.arun(prompt, **params)
            return time.perf_counter() - began

        async with self.astream(prompt, **params) as stream:
            await anext(stream, None)
            return time.perf_counter() - began

    async def athroughput(
        self, prompts: Iterable[Prompt], *, max_concurrency: int = 16, **params: Unpack[Params]
    ) -> float:
        """
        Ask the model everything and return how many prompts a second were answered; 0 without any.

        Args:
            prompts: Texts or conversations.

            max_concurrency: Ask at most this many at a time; 1 is one after the other.

            params: Parameters for each call.
        """
        check_tasks(prompts)
        limit: int = CONCURRENCY.check("max_concurrency", max_concurrency)
        began = time.perf_counter()
        answers = await map_bounded(functools.partial(self.arun, **params), prompts, limit=limit)
        return len(answers) / (time.perf_counter() - began)

    num_tokens = synchronous(anum_tokens)
    generation_latency = synchronous(ageneration_latency)
    time_to_first_token = synchronous(atime_to_first_token)
    throughput = synchronous(athroughput)

    def _num_tokens(self, text: str) -> int:
        """Count the tokens of *text*; :meth:`num_tokens` also says whether that is exact."""
        return self.num_tokens(text).tokens

    def _time_for_generation(self, task: Prompt) -> float:
        """Ask the model and return the seconds that the whole answer took."""
        return self.generation_latency(task)
