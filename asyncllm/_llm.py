"""A language model, ready to be asked."""

from __future__ import annotations

import copy
import functools
import inspect
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any, Literal, Self, Unpack, cast, overload

import anyio

from . import _log
from ._ask import ask, begin, count
from ._batch import map_bounded
from ._deadline import Deadline
from ._kinds import Whole
from ._loop import CLOSING, PerLoop
from ._parameters import Parameters
from ._plan import Plan
from ._policy import Policy, checked_policies, checked_rules, refuse, reported
from ._prepare import Prepared, prepare
from ._registry import check_settings, find
from ._retry import Retry
from ._several import TALLIES, Answers, Tallies, together
from ._stream import Stream
from ._sync import synchronous, synchronous_stream
from ._tasks import check_tasks
from ._types import Adjustment, Count, Prompt, Response, Role, Timing
from ._vocabulary import ALIASES, PARAMETERS, Effort, Parameter, Params, checked, unknown
from .errors import InvalidParameter, LLMError, UnsupportedParameter
from .provider import Provider, Request, estimated
from .rules import Rules

OWN = frozenset(
    {
        *("_values", "_model", "_given_provider", "_settings", "_strict", "_policy", "_retry"),
        *("_like", "_rules"),
        *("_reported", "_make", "_rulebook", "_provider_name", "_provider"),
    }
)
"""The attributes of an LLM itself; whatever else one has, a subclass gave it."""

CALLS_AT_ONCE = 16
"""How many of the answers to one task are asked for at a time, at most."""

CONCURRENCY = Parameter(Whole(low=1), "Ask at most this many tasks at a time.", "calls")


class LLM(Parameters):
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

        model_name: The same, under the name of the other parameters.

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
        presence_penalty: float | None = None,
        repetition_penalty: float | None = None,
        repition_penalty: float | None = None,
        logit_bias: Mapping[int, float] | None = None,
        logprobs: int | None = None,
        stop_token: str | Sequence[str] | None = None,
        eos_token_id: int | Sequence[int] | None = None,
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
        provider: Callable[..., Provider] | None = None,
        **settings: Any,
    ) -> None:
        if model is not None and model_name is not None and model != model_name:
            raise InvalidParameter(
                f"model and model_name are one parameter: got {model!r} and {model_name!r}"
            )

        given = locals()
        super().__init__({name: given[name] for name in (*PARAMETERS, *ALIASES)})
        source = find(model_name if model is None else model, provider)
        check_settings(settings, source.maker, known=inspect.signature(LLM).parameters)
        self._model = source.model
        self._given_provider = provider
        self._settings = settings
        self._strict = strict
        self._policy = checked_policies(policy or {})
        self._like = like
        self._rules = checked_rules(rules or {})
        self._retry = Retry() if retry is None else retry
        self._reported: set[tuple[str, ...]] = set()
        self._make = functools.partial(source.maker, **settings)
        self._rulebook = self._make()
        _check_kinds(
            strict=(strict, bool),
            like=(like, str | None),
            retry=(self._retry, Retry),
            provider=(self._rulebook, Provider),
        )
        self._provider_name = source.provider or type(self._rulebook).__name__
        self._provider: PerLoop[Provider] = PerLoop(self._opened, _closed, keep=True)

    @property
    def model_name(self) -> str:
        """Provider and model, as ``LLM(...)`` takes them where the provider is an installed one."""
        return f"{self._provider_name}:{self._model}"

    async def arun(self, task: Prompt, **params: Unpack[Params]) -> str:
        """
        Ask once and return the answer's text.

        Args:
            task: A text, or a conversation as a sequence of messages.

            params: Parameters for this call; they win over the instance's.

        Raises:
            ConfigurationError: Nothing was sent; the message says what to do.
            ProviderError: The provider failed, after the retries that were worth it.
        """
        response = await self.agenerate(task, **params)
        return response.text

    async def agenerate(self, task: Prompt, **params: Unpack[Params]) -> Response:
        """Ask once and return the answer with all that is known of it. Otherwise like :meth:`arun`."""
        began = time.perf_counter()
        call = self._prepared(task, params)
        with Deadline(call.timeout)():
            async with self._provider.use() as provider:
                call = await self._counted(provider, call, task, params)
                response = await self._answer(provider, call, call.requests)
        return self._finished(call, began, response)

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
        Until the first piece has come a failure is retried; after that it is
        raised, since nobody can take back what was seen.
        """
        began = time.perf_counter()
        call = self._prepared(task, params)
        deadline = Deadline(call.timeout)
        async with self._provider.use() as provider, AsyncExitStack() as stack:
            with deadline():
                call = await self._counted(provider, call, task, params)
                opened = functools.partial(begin, stack, provider, call, call.request, deadline)
                stream, attempts = await self._retry(opened)
            finish = functools.partial(self._finished, call, began, attempts=attempts)
            others = functools.partial(self._others, provider, call)
            stream.begun(finish, others if call.requests[1:] else None)
            try:
                yield stream
            finally:
                stream.leave()

    @overload
    async def abatch_run(
        self,
        tasks: Iterable[Prompt],
        *,
        max_concurrency: int = ...,
        return_errors: Literal[False] = ...,
        **params: Unpack[Params],
    ) -> Answers[str]: ...

    @overload
    async def abatch_run(
        self,
        tasks: Iterable[Prompt],
        *,
        max_concurrency: int = ...,
        return_errors: Literal[True],
        **params: Unpack[Params],
    ) -> Answers[str | LLMError]: ...

    async def abatch_run(
        self,
        tasks: Iterable[Prompt],
        *,
        max_concurrency: int = 16,
        return_errors: bool = False,
        **params: Unpack[Params],
    ) -> Answers[str] | Answers[str | LLMError]:
        """
        Ask every task and return the texts, in the tasks' order.

        What was adjusted on the way, and how often, is in the list's ``adjustments``.

        Args:
            tasks: Texts or conversations; taken from the iterable only as fast as they are asked.

            max_concurrency: Ask at most this many at a time.

            return_errors:
                Put the error of a task that failed in its place. Otherwise the
                first error cancels the others and is raised by itself.

            params: Parameters for each call, as in :meth:`arun`.
        """
        check_tasks(tasks)
        limit: int = CONCURRENCY.check("max_concurrency", max_concurrency)
        checked(params)

        async def one(task: Prompt) -> str | LLMError:
            try:
                return await self.arun(task, **params)
            except LLMError as error:
                if return_errors:
                    return error
                raise

        tallies = Tallies()
        token = TALLIES.set(tallies)
        try:
            answers = Answers(await map_bounded(one, tasks, limit=limit))
        finally:
            TALLIES.reset(token)
        answers.adjustments = tallies.all()
        # Which of the two lists it is, return_errors says: the overloads tell the caller.
        return cast("Answers[str]", answers)

    def plan(self, task: Prompt, **params: Unpack[Params]) -> Plan:
        """
        Return what a call would send, and what would become of each parameter; nothing is sent.

        ``max_length`` is shown by an estimate of the prompt. Where the call would
        be refused (``strict``, ``policy``), the plan says so instead of raising.
        """
        call = self._applied(task, params)
        if call.length is not None:
            call = self._applied(task, params, estimated(call.request))
        refusal = None
        try:
            refuse(call.verdicts, self._policy, strict=self._strict)
        except UnsupportedParameter as error:
            refusal = error
        return Plan(
            provider=self._provider_name,
            model=self._model,
            sent=tuple(self._rulebook.wire(request) for request in call.requests),
            verdicts=call.verdicts,
            adjustments=reported(call.verdicts, self._policy),
            refusal=refusal,
        )

    async def aclose(self) -> None:
        """
        Close what this LLM holds open in the running event loop; a later call opens it anew.

        Calls that are under way go on, and the last of them closes. Connections
        that are left open close when the event loop ends; a model in this process
        is freed with the last LLM that uses it.
        """
        await self._provider.aclose()

    run = synchronous(arun)
    generate = synchronous(agenerate)
    stream = synchronous_stream(astream)
    batch_run = synchronous(abatch_run)
    close = synchronous(aclose)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        values = self._values
        parameters = "".join(f", {name}={values[name]!r}" for name in PARAMETERS if name in values)
        return f"{type(self).__name__}({self.model_name!r}{parameters})"

    def __setattr__(self, name: str, value: Any) -> None:
        # A subclass may have attributes of its own; on an LLM itself another name is a misspelt one.
        if type(self) is LLM and not name.startswith("_") and not hasattr(LLM, name):
            raise unknown(name, {*PARAMETERS, *ALIASES})
        super().__setattr__(name, value)

    def __getstate__(self) -> dict[str, Any]:
        """An LLM travels as its specification: no client, no key; the key is found anew where it arrives."""
        secret = self._rulebook.secret_settings
        return {
            "specification": {
                **self._values,
                **{name: value for name, value in self._settings.items() if name not in secret},
                "model": self._model if self._given_provider else self.model_name,
                "strict": self._strict,
                "policy": self._policy,
                "like": self._like,
                "rules": self._rules,
                "retry": self._retry,
                "provider": self._given_provider,
            },
            "attributes": {name: value for name, value in vars(self).items() if name not in OWN},
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        LLM.__init__(self, **state["specification"])
        vars(self).update(state["attributes"])

    def __copy__(self) -> Self:
        """A copy stays in this process, so it keeps the key."""
        state = self.__getstate__()
        state["specification"] |= self._settings
        twin = type(self).__new__(type(self))
        twin.__setstate__(state)
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        twin = self.__copy__()
        attributes = self.__getstate__()["attributes"]
        vars(twin).update(copy.deepcopy(attributes, memo))
        return twin

    async def _opened(self) -> Provider:
        provider = self._make()
        try:
            await provider.aopen()
        except BaseException:
            with anyio.move_on_after(CLOSING, shield=True):
                await provider.aclose()
            raise
        return provider

    def _prepared(self, task: Prompt, params: Params, count: Count | None = None) -> Prepared:
        """Turn the call into the provider's words; raise or report what is not just as asked."""
        call = self._applied(task, params, count)
        refuse(call.verdicts, self._policy, strict=self._strict)
        self._report(reported(call.verdicts, self._policy))
        return call

    def _applied(self, task: Prompt, params: Params, count: Count | None = None) -> Prepared:
        """Take a snapshot of the parameters and apply the rules to it."""
        return prepare(
            task,
            {**self._values, **checked(params)},
            self._rulebook_for,
            provider=self._provider_name,
            model=self._model,
            count=count,
        )

    def _rulebook_for(self, asked: Mapping[str, Any]) -> Rules:
        rules = self._rulebook.rules(self._like or self._model, cast("Params", asked))
        return {**rules, **self._rules} if self._rules else rules

    async def _counted(self, provider: Provider, call: Prepared, task: Prompt, params: Params) -> Prepared:
        """Where the prompt has to be counted first, count it and prepare the call with what that leaves."""
        if call.length is None:
            return call

        tokens, _ = await self._retry(functools.partial(count, provider, call.request))
        return self._prepared(task, params, tokens)

    async def _answer(self, provider: Provider, call: Prepared, requests: Sequence[Request]) -> Response:
        """Ask with each of *requests*, trying again on its own account; return the answers as one."""

        async def one(request: Request) -> Response:
            response, attempts = await self._retry(functools.partial(ask, provider, call, request))
            return replace(response, attempts=attempts)

        if len(requests) == 1:
            return await one(requests[0])
        return together(await map_bounded(one, requests, limit=CALLS_AT_ONCE))

    async def _others(self, provider: Provider, call: Prepared, first: Response) -> Response:
        """Get the answers that a stream could not bring, beside its own, which is *first*."""
        others = await self._answer(provider, call, call.requests[1:])
        return replace(together([first, others]), timing=first.timing)

    def _report(self, adjustments: tuple[Adjustment, ...]) -> None:
        """Log each kind of adjustment once, without its values: they may be prompts, or a million seeds."""
        for adjustment in adjustments:
            kind = (adjustment.parameter, adjustment.verdict, adjustment.reason)
            if kind not in self._reported:
                self._reported.add(kind)
                parameter, verdict, reason = kind
                _log.warn(
                    "parameter_adjusted",
                    model=self.model_name,
                    parameter=parameter,
                    verdict=verdict,
                    reason=reason,
                )

    def _finished(
        self, call: Prepared, began: float, response: Response, *, attempts: int | None = None
    ) -> Response:
        """Add to *response* what only the core knows."""
        adjustments = reported(call.verdicts, self._policy)
        if (tallies := TALLIES.get()) is not None:
            tallies.add(adjustments)
        total, first = time.perf_counter() - began, None
        if response.timing is not None and response.timing.first_token is not None:
            first = total - response.timing.total + response.timing.first_token
        return replace(
            response,
            timing=Timing(total=total, first_token=first),
            adjustments=adjustments,
            attempts=response.attempts if attempts is None else attempts,
            provider=self._provider_name,
            model=response.model or self._model,
        )


def _check_kinds(**given: tuple[object, Any]) -> None:
    for name, (value, kind) in given.items():
        if not isinstance(value, kind):
            raise InvalidParameter(f"{name} takes a {getattr(kind, '__name__', kind)}; got {value!r}")


async def _closed(provider: Provider) -> None:
    await provider.aclose()
