"""A language model, ready to be asked."""

from __future__ import annotations

import copy
import functools
import inspect
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any, Literal, Self, Unpack, cast, overload

import anyio

from . import _log
from ._ask import ask, begin
from ._batch import map_bounded
from ._loop import CLOSING, PerLoop
from ._parameters import Parameters
from ._prepare import Prepared, check_tasks, messages_of, prepare, refuse
from ._registry import check_settings, find
from ._retry import Retry
from ._stream import Stream
from ._sync import synchronous, synchronous_stream
from ._types import Prompt, Response, Timing
from ._vocabulary import ALIASES, PARAMETERS, Effort, Parameter, Params, Whole, checked, unknown
from .errors import InvalidParameter, LLMError
from .provider import Provider

OWN = frozenset(
    {
        *("_values", "_model", "_given_provider", "_settings", "_strict", "_retry"),
        *("_reported", "_make", "_rulebook", "_provider_name", "_provider"),
    }
)
"""The attributes of an LLM itself; whatever else one has, a subclass gave it."""

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
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int | None = None,
        frequency_penalty: float | None = None,
        presence_penalty: float | None = None,
        repetition_penalty: float | None = None,
        repition_penalty: float | None = None,
        stop_token: str | Sequence[str] | None = None,
        system_prompt: str | None = None,
        reasoning_effort: Effort | None = None,
        strict: bool = False,
        retry: Retry | None = None,
        provider: Callable[..., Provider] | None = None,
        **settings: Any,
    ) -> None:
        if model is not None and model_name is not None and model != model_name:
            raise InvalidParameter(
                f"model and model_name are one parameter: got {model!r} and {model_name!r}"
            )

        super().__init__(
            {
                "max_tokens": max_tokens,
                "temperature": temperature,
                "top_k": top_k,
                "top_p": top_p,
                "seed": seed,
                "frequency_penalty": frequency_penalty,
                "presence_penalty": presence_penalty,
                "repetition_penalty": repetition_penalty,
                "repition_penalty": repition_penalty,
                "stop_token": stop_token,
                "system_prompt": system_prompt,
                "reasoning_effort": reasoning_effort,
            }
        )
        source = find(model_name if model is None else model, provider)
        check_settings(settings, source.maker, known=inspect.signature(LLM).parameters)
        self._model = source.model
        self._given_provider = provider
        self._settings = settings
        self._strict = strict
        self._retry = Retry() if retry is None else retry
        self._reported: set[tuple[str, ...]] = set()
        self._make = functools.partial(source.maker, **settings)
        self._rulebook = self._make()
        _check_kinds(strict=(strict, bool), retry=(self._retry, Retry), provider=(self._rulebook, Provider))
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
        async with self._provider.use() as provider:
            response, attempts = await self._retry(functools.partial(ask, provider, call))
        return self._finished(call, began, attempts, response)

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
        async with self._provider.use() as provider, AsyncExitStack() as stack:
            stream, attempts = await self._retry(functools.partial(begin, stack, provider, call))
            stream.begun(functools.partial(self._finished, call, began, attempts))
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
    ) -> list[str]: ...

    @overload
    async def abatch_run(
        self,
        tasks: Iterable[Prompt],
        *,
        max_concurrency: int = ...,
        return_errors: Literal[True],
        **params: Unpack[Params],
    ) -> list[str | LLMError]: ...

    async def abatch_run(
        self,
        tasks: Iterable[Prompt],
        *,
        max_concurrency: int = 16,
        return_errors: bool = False,
        **params: Unpack[Params],
    ) -> list[str] | list[str | LLMError]:
        """
        Ask every task and return the texts, in the tasks' order.

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

        # Which of the two lists it is, return_errors says: the overloads tell the caller.
        return cast("list[str]", await map_bounded(one, tasks, limit=limit))

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
        parameters = "".join(f", {name}={value!r}" for name, value in self._values.items())
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

    def _prepared(self, task: Prompt, params: Params) -> Prepared:
        """Take a snapshot of the parameters and turn the call into the provider's words."""
        asked = {**self._values, **checked(params)}
        rules = self._rulebook.rules(self._model, cast("Params", asked))
        call = prepare(self._model, messages_of(task), asked, rules)
        if self._strict:
            refuse(call.adjustments)
        self._report(call)
        return call

    def _report(self, call: Prepared) -> None:
        """Log each kind of adjustment once, without its values: they may be prompts, or a million seeds."""
        for adjustment in call.adjustments:
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

    def _finished(self, call: Prepared, began: float, attempts: int, response: Response) -> Response:
        """Add to *response* what only the core knows."""
        total, first = time.perf_counter() - began, None
        if response.timing is not None and response.timing.first_token is not None:
            first = total - response.timing.total + response.timing.first_token
        return replace(
            response,
            timing=Timing(total=total, first_token=first),
            adjustments=call.adjustments,
            attempts=attempts,
            provider=self._provider_name,
            model=response.model or self._model,
        )


def _check_kinds(**given: tuple[object, type]) -> None:
    for name, (value, kind) in given.items():
        if not isinstance(value, kind):
            raise InvalidParameter(f"{name} takes a {kind.__name__}; got {value!r}")


async def _closed(provider: Provider) -> None:
    await provider.aclose()
