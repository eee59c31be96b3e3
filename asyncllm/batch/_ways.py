"""How a batch asks an LLM's tasks: one by one, or through the provider's own batches."""

from __future__ import annotations

import functools
import os
from abc import abstractmethod
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Unpack, cast

from asyncllm._collector import Collector
from asyncllm._keys import Keys
from asyncllm._limits import Limits
from asyncllm._model import Model
from asyncllm._policy import Policies
from asyncllm._prepare import Prepared
from asyncllm._retry import Retry
from asyncllm._secrets import bare
from asyncllm._tallies import about_to_send
from asyncllm._types import Choice, Prompt, Response
from asyncllm._vocabulary import Params, checked
from asyncllm.errors import ConfigurationError, JournalError

from ._journal import JournalFile, Resume, opened
from ._notes import JournalNotes, NoNotes, Notes
from ._remote import Via, Way, chosen
from ._source import Job
from ._task import seed_of


class Ways:
    """What an LLM's batches are made of."""

    _llm_collector: Collector
    _llm_model: Model
    _llm_policies: Policies
    _llm_retry: Retry
    limits: Limits | None

    @abstractmethod
    async def arun(self, task: Prompt, **params: Unpack[Params]) -> str:
        """Ask once and return the answer's text."""

    @abstractmethod
    async def agenerate(self, task: Prompt, **params: Unpack[Params]) -> Response:
        """Ask once and return the answer with all that is known of it."""

    @property
    @abstractmethod
    def parameters(self) -> dict[str, Any]:
        """What is set, by canonical name."""

    @property
    @abstractmethod
    def model_name(self) -> str:
        """Who is asked."""

    @abstractmethod
    def _llm_keys(self) -> Keys:
        """Return what must be in no file."""

    @abstractmethod
    def _llm_asked(self, params: Params) -> dict[str, Any]:
        """Take a snapshot of the parameters."""

    @abstractmethod
    def _llm_asked_model(self) -> Model:
        """Return the model to be asked now."""

    @abstractmethod
    def _llm_warn(self, event: str, **fields: Any) -> None:
        """Log a warning."""

    @property
    @abstractmethod
    def _llm_answers_itself(self) -> bool:
        """Whether the class has an answer of its own to a task."""

    @asynccontextmanager
    async def _llm_notes(
        self,
        file: str | os.PathLike[str] | JournalFile | None,
        resume: bool | Resume,
        args: Sequence[Any],
        params: Mapping[str, Any],
        way: Way,
    ) -> AsyncGenerator[Notes]:
        """Open what a batch with these parameters is noted in."""
        if file is None:
            yield NoNotes()
            return

        settings = file if isinstance(file, JournalFile) else JournalFile(file)
        told = {**self.parameters, **(params if self._llm_answers_itself else checked(params))}
        identity = {
            "model": self.model_name,
            "server": bare(getattr(self._llm_model.rulebook, "base_url", None)),
            "class": type(self).__name__,
            "arguments": [repr(each) for each in args],
            "parameters": told,
        }
        async with opened(
            settings.path,
            identity=identity,
            policy=(Resume() if resume else None) if isinstance(resume, bool) else resume,
            durable=settings.durable,
            prompts=settings.prompts,
            keys=self._llm_keys(),
        ) as journal:
            at_vendor = {
                key for each in await journal.remotes() if each.state != "ended" for key in each.keys
            }
            if at_vendor and way == "direct":
                raise JournalError(
                    f"{len(at_vendor):,} tasks of {str(settings.path)!r} are in batches at the provider's, "
                    "and would be paid for twice: collect them first, with via='provider'"
                )
            yield JournalNotes(journal, at_vendor)

    def _llm_ask(self, args: tuple[Any, ...], params: Params) -> Callable[[Job], Any]:
        """Return what asks one task, by the class's own method where it has one."""
        if self._llm_answers_itself:  # It may take what is no parameter.
            return functools.partial(_answered, cast("Any", self).arun, args, params)

        own = self._llm_own_params(params)

        async def ask(job: Job) -> Response:
            return await self.agenerate(job.task.prompt, **own(job))

        return ask

    def _llm_prepare(self, params: Params) -> Callable[[Job], Prepared]:
        """Return what turns one task into the provider's words."""
        own, model, policies = self._llm_own_params(params), self._llm_asked_model(), self._llm_policies

        def prepared(job: Job) -> Prepared:
            call = model.applied(job.task.prompt, self._llm_asked(own(job)))
            if (refusal := policies.refusal(call.verdicts)) is not None:
                raise refusal
            policies.log(call.verdicts, model=model.full_name, warn=self._llm_warn)
            return call

        return prepared

    def _llm_own_params(self, params: Params) -> Callable[[Job], Params]:
        """Return what gives each task its parameters: the batch's, its own, and its own seed."""
        common = checked(params)
        base = common.get("seed", self.parameters.get("seed"))

        def own(job: Job) -> Params:
            given = {**common, **job.task.params}
            if base is not None and "seed" not in job.task.params:
                given["seed"] = seed_of(base, job.key)
            return cast("Params", given)

        return own

    async def _llm_way(self, via: Via, deadline: float | None) -> Way:
        """Return which way a batch goes."""
        if via == "direct":
            return "direct"
        if self._llm_answers_itself:
            if via == "provider":
                raise ConfigurationError(
                    f"via='provider': {type(self).__name__} answers by itself, and submits nothing"
                )
            return "direct"
        async with self._llm_asked_model().use() as provider:
            return chosen(via, provider.batches(), deadline=deadline)


async def _answered(arun: Any, args: tuple[Any, ...], params: Mapping[str, Any], job: Job) -> Response:
    await about_to_send()  # Whether it asks, and whom, is its own business.
    text = await arun(job.task.prompt, *args, **{**params, **job.task.params})
    return Response(choices=(Choice(text=text),))
