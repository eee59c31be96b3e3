"""A language model, ready to be asked."""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any, Literal, Self, Unpack, cast

from ._ask import Terms, answer, count, stream_of
from ._checkpoints import Checkpoints
from ._collector import Collector
from ._derive import Derived
from ._finish import finished
from ._limits import Limits
from ._lineage import Lineage
from ._measures import Measures
from ._model import Model
from ._nowhere import NOBODY, estimated_text, find_or_nowhere
from ._observers import Logs
from ._own_answers import OwnAnswer
from ._plan import Plan
from ._policy import Policies, Policy
from ._prepare import Prepared
from ._registry import Source, find
from ._retry import CountedRetry, Retry
from ._setters import Setters
from ._several import together
from ._stream import Stream
from ._summaries import Summaries
from ._sync import synchronous, synchronous_stream
from ._tallies import Batch
from ._types import Count, Prompt, Response, Role, Timing
from ._vocabulary import ALIASES, PARAMETERS, Effort, Params, checked, described, unknown
from ._watch import Watch
from .batch import Batches
from .errors import InvalidParameter
from .provider import Provider, estimated
from .resources import Resources
from .rules import Rules


class LLM(Setters, Checkpoints, Logs, Batches, Summaries, Measures, Resources, Derived):
    """
    A language model.

    Every parameter can be given here, set as an attribute, or given to a single
    call; the call wins over the instance. None is "not set".

    Args:
        model:
            Provider and model, as in ``"openai:gpt-5.2"``. A bare model name
            will do where just one installed provider claims it. Without any,
            the environment's ``ASYNCLLM_MODEL`` is asked, or else the small
            model that the ``demo`` extra installs.

        model_name: The same, under the name of the other parameters; so is *model_id*.

        strict:
            Raise :exc:`UnsupportedParameter`, before anything is sent, where the
            provider would not do just what was asked, instead of listing the
            difference in ``response.adjustments``.

        policy:
            What to do, parameter by parameter, where the provider does not take
            one as asked: ``"adapt"`` and report it, ``"require"`` (as *strict* does
            for all), or ``"ignore"``: adapt, and report nothing.

        like:
            Treat the model like this one: for a model that is in no table yet,
            or stands behind a name of its own.

        rules:
            Rows that hold in place of the provider's own, parameter by parameter;
            see :mod:`asyncllm.rules`.

        retry: How long to keep trying.

        limits: How fast to ask at most, together with all LLMs that use the same server and key.

        provider:
            A provider's class, or what makes one, in place of an installed one;
            *model* is then the model's name alone.

        settings: What the provider's own class takes: ``api_key``, ``base_url`` …

    Raises:
        ConfigurationError: One of its kinds says what cannot work, and what to do.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        model_name: str | None = None,
        model_id: str | None = None,
        max_tokens: int | None = None,
        max_length: int | None = None,
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        min_p: float | None = None,
        do_sample: bool | None = None,
        seed: int | None = None,
        num_return_sequences: int | None = None,
        num_beams: int | None = None,
        beam_width: int | None = None,
        length_penalty: float | None = None,
        early_stopping: bool | Literal["never"] | None = None,
        frequency_penalty: float | None = None,
        freq_penalty: float | None = None,
        presence_penalty: float | None = None,
        repetition_penalty: float | None = None,
        repition_penalty: float | None = None,
        logit_bias: Mapping[int, float] | None = None,
        logprobs: int | None = None,
        stop_token: str | Sequence[str] | None = None,
        eos_token_id: int | Sequence[int] | None = None,
        stop_token_id: int | Sequence[int] | None = None,
        bos_token_id: int | None = None,
        pad_token_id: int | None = None,
        system_prompt: str | None = None,
        role: Role | None = None,
        reasoning_effort: Effort | None = None,
        thinking_budget: int | None = None,
        response_format: Literal["json"] | Mapping[str, Any] | type | None = None,
        device: str | None = None,
        timeout: float | None = None,
        provider_options: Mapping[str, Mapping[str, Any]] | None = None,
        strict: bool = False,
        policy: Mapping[str, Policy] | None = None,
        like: str | None = None,
        rules: Rules | None = None,
        retry: Retry | None = None,
        limits: Limits | None = None,
        provider: Callable[..., Provider] | None = None,
        **settings: Any,
    ) -> None:
        given = locals()
        super().__init__({name: given[name] for name in (*PARAMETERS, *ALIASES)})
        self._llm_policies = Policies(policy or {}, strict=strict)
        self._llm_retry = Retry() if retry is None else retry
        _check_kinds(strict=(strict, bool), retry=(self._llm_retry, Retry))
        self.limits = limits
        name = _one_name(model=model, model_name=model_name, model_id=model_id)
        known = inspect.signature(LLM).parameters
        is_named = any(given is not None for given in (name, provider, like)) or bool(settings)
        source = self._llm_source(name, provider, is_named=is_named)
        self._llm_model = Model(source, settings, known=known, like=like, rules=rules)
        self._llm_lineage = Lineage()
        self._llm_collector = Collector()
        self._llm_tries = CountedRetry.like(self._llm_retry, self._llm_collector.retried)

    async def arun(self, task: Prompt | None = None, **params: Unpack[Params]) -> str:
        """
        Ask once and return the answer's text.

        Args:
            task: A text, or a conversation as a sequence of messages.

            params: Parameters for this call; they win over the instance's.

        Raises:
            ConfigurationError: Nothing was sent; the message says what to do.
            ProviderError: The provider failed, after the retries that were worth it.
        """
        # The specified signature allows no task at all; the error says that there is nothing to ask.
        response = await self.agenerate(cast("Prompt", task), **params)
        return response.text

    async def agenerate(self, task: Prompt, **params: Unpack[Params]) -> Response:
        """Ask once and return the answer with all that is known of it. Otherwise like :meth:`arun`."""
        with self._llm_watch(task, streamed=False) as watch:
            watch.asked = self._llm_asked(params)
            call = self._llm_prepared(watch)
            terms = self._llm_terms(watch, call)
            with terms.deadline():
                async with watch.model.use() as provider:
                    call = await self._llm_counted(watch, provider, call)
                    response, attempts = await answer(provider, call, call.requests, terms, self._llm_turn)
            return watch.over(self._llm_finished(call, watch.began, attempts, response))

    @asynccontextmanager
    async def astream(self, task: Prompt, **params: Unpack[Params]) -> AsyncGenerator[Stream]:
        """
        Ask once and take the answer as it comes.

        ::

            async with llm.astream("Tell me a story.") as stream:
                async for piece in stream:
                    print(piece, end="")
            print(stream.response.usage)

        Leaving the block early ends the answer on the provider's side too.
        Until the first piece has come, or the first of what the model thinks, a
        failure is retried; after that it is raised, since nobody can take back
        what was seen.
        """
        watch = self._llm_watch(task, streamed=True)
        async with AsyncExitStack() as stack:
            with watch:
                watch.asked = self._llm_asked(params)
                call = self._llm_prepared(watch)
                terms = self._llm_terms(watch, call)
                with terms.deadline():
                    provider = await stack.enter_async_context(watch.model.use())
                    call = await self._llm_counted(watch, provider, call)
                    pieces, attempts = await stream_of(stack, provider, call, terms)
            finish = functools.partial(self._llm_finished, call, watch.began, attempts)
            follow = functools.partial(self._llm_followed, watch, provider, call, terms)
            pieces.begun(finish, follow if call.requests[1:] else None)
            try:
                yield pieces
            except BaseException as error:
                watch.broke(error)
                raise
            finally:
                pieces.leave()
                watch.over(pieces.response)

    def plan(self, task: Prompt, **params: Unpack[Params]) -> Plan:
        """
        Return what a call would send, and what would become of each parameter; nothing is sent.

        ``max_length`` is shown by an estimate of the prompt. Where the call would
        be refused (``strict``, ``policy``), the plan says so instead of raising.
        """
        model, asked = self._llm_asked_model(), self._llm_asked(params)
        call = model.applied(task, asked)
        if call.length is not None:
            call = model.applied(task, asked, estimated(call.request))
        return Plan(
            provider=model.provider,
            model=model.name,
            sent=tuple(model.rulebook.wire(request, stream=bool(call.stops)) for request in call.requests),
            verdicts=call.verdicts,
            adjustments=self._llm_policies.reported(call.verdicts),
            refusal=self._llm_policies.refusal(call.verdicts),
        )

    async def aclose(self) -> None:
        """
        Close what this LLM holds open in the running event loop; a later call opens it anew.

        Calls that are under way go on, and the last of them closes. Connections
        that are left open close when the event loop ends; a model in this process
        is freed with the last LLM that uses it.
        """
        await self._llm_model.aclose()

    run = synchronous(arun)
    generate = synchronous(agenerate)
    stream = synchronous_stream(astream)
    close = synchronous(aclose)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __setattr__(self, name: str, value: Any) -> None:
        # A subclass may have attributes of its own; on an LLM itself another name is a misspelt one.
        if type(self) is LLM and not name.startswith("_") and not hasattr(LLM, name):
            raise unknown(name, {*PARAMETERS, *ALIASES})
        super().__setattr__(name, value)

    def _llm_specify(self, **specification: Any) -> None:
        LLM.__init__(self, **specification)

    @property
    def _llm_answers_itself(self) -> bool:
        return type(self).arun is not LLM.arun

    def _llm_source(
        self, name: str | None, provider: Callable[..., Provider] | None, *, is_named: bool
    ) -> Source:
        """A class that answers by itself needs no model; it may still name one and ask it."""
        if not self._llm_answers_itself:
            return find(name, provider)
        return find_or_nowhere(name, provider) if is_named else NOBODY

    def _llm_asked_model(self) -> Model:
        """Return the model to be asked now; a class that answers by itself may not have named it."""
        model = self._llm_model
        if (asked := model.asked()) is not model:
            self._llm_model = asked
        return asked

    def _llm_asked(self, params: Params) -> dict[str, Any]:
        """Take a snapshot of the parameters."""
        return {**self._llm_values, **checked(params)}

    def _llm_watch(self, task: Prompt, *, streamed: bool) -> Watch:
        """Begin to watch a call of the model as it is now."""
        OwnAnswer.asks(self)
        return Watch(
            self._llm_asked_model(),
            task,
            streamed=streamed,
            lineage=self._llm_lineage,
            collector=self._llm_collector,
            retry=self._llm_tries,
            observers=self._llm_observers(),
        )

    def _llm_terms(self, watch: Watch, call: Prepared) -> Terms:
        """Return on what terms a call asks, whose time begins now."""
        return Terms(retry=watch.retry, deadline=watch.deadline(call.timeout), claim=self._llm_claim)

    def _llm_prepared(self, watch: Watch, count: Count | None = None) -> Prepared:
        """Turn the call into the provider's words; raise or report what is not just as asked."""
        model = watch.model
        watch.prepared = call = model.applied(watch.task, watch.asked, count)
        if (refusal := self._llm_policies.refusal(call.verdicts)) is not None:
            raise refusal
        if call.length is None:  # Otherwise it is prepared again, once the prompt is counted.
            self._llm_policies.log(call.verdicts, model=model.full_name, warn=self._llm_warn)
        return call

    async def _llm_counted(self, watch: Watch, provider: Provider, call: Prepared) -> Prepared:
        """Where the prompt has to be counted first, count it and prepare the call with what that leaves."""
        watch.provider = provider
        if call.length is None:
            return call
        return self._llm_prepared(watch, await count(provider, call.request, watch.retry))

    async def _llm_count(self, task: str) -> Count:
        model = self._llm_model
        if model.is_nowhere:
            return estimated_text(task)

        async with model.use() as provider:
            return await count(provider, model.applied(task, self._llm_asked({})).request, self._llm_tries)

    def _llm_turn(self) -> AbstractAsyncContextManager[object]:
        return Batch.turn(self)

    async def _llm_followed(
        self, watch: Watch, provider: Provider, call: Prepared, terms: Terms, first: Response
    ) -> Response:
        """Get the answers that a stream does not bring, and return them with its own, which is *first*."""
        rest, attempts = await answer(provider, call, call.requests[1:], terms, self._llm_turn)
        timing = first.timing or Timing(total=0.0)
        return replace(
            together([first, rest]),
            timing=replace(timing, total=time.perf_counter() - watch.began),
            attempts=first.attempts + attempts,
        )

    def _llm_finished(self, call: Prepared, began: float, attempts: int, response: Response) -> Response:
        """Add to *response* what only the core knows."""
        adjustments = self._llm_policies.reported(call.verdicts)
        Batch.count(self, adjustments)
        return finished(
            response,
            call,
            began=began,
            attempts=attempts,
            adjustments=adjustments,
            provider=call.provider,
            model=call.request.model,
        )


LLM.__doc__ = f"{inspect.cleandoc(LLM.__doc__ or '')}\n\nParameters:\n{described()}\n"


def _check_kinds(**given: tuple[object, Any]) -> None:
    for name, (value, kind) in given.items():
        if not isinstance(value, kind):
            raise InvalidParameter(f"{name} takes a {getattr(kind, '__name__', kind)}; got {value!r}")


def _one_name(**spelt: str | None) -> str | None:
    """Return the model's name, however it was spelt."""
    given = {spelling: name for spelling, name in spelt.items() if name is not None}
    name = next(iter(given.values()), None)
    if any(other != name for other in given.values()):
        raise InvalidParameter(
            f"{' and '.join(given)} are one parameter: got {' and '.join(map(repr, given.values()))}"
        )
    return name
