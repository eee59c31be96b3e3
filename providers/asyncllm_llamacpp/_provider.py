"""Models in this process."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Hashable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Literal

import anyio

from asyncllm.provider import Count, Delta, Params, Provider, Request, Table
from asyncllm.rules import Rules

from . import _rules
from ._attention import Attention
from ._build import build
from ._capacity import USUAL_CONTEXT
from ._cores import cores
from ._engine import Engine
from ._engines import Hold, engines
from ._job import Job
from ._names import BUNDLED, located
from ._settings import Settings
from ._sharing import Sharing
from ._state import Saving, TakingUp

PATIENCE = 5.0
"""Seconds that a model gets to be freed."""


class LlamaCppProvider(Provider):
    """
    A GGUF model in this process, on llama.cpp.

    The model's name is the path of a ``.gguf`` file, or ``smollm2-135m-instruct``:
    the small model that the ``demo`` extra installs. It is loaded with its first
    call, in a thread of its own, once however many ask for it.

    Args:
        context_size:
            How many tokens a prompt and its answer may take together. By default
            as many as the model was trained with, but at most 8192: ask for more
            where there is the memory for it.

        threads: How many threads compute; by default as many as there are physical cores.

        gpu_layers:
            How many of the model's layers GPUs hold: ``"auto"`` is as many as there
            is memory for, ``"all"`` or -1 is all of them. By default none, and
            ``"auto"`` where a call's ``device`` is a GPU.

        batch_size: How many tokens of prompts are read in one step.

        max_sequences: How many calls are computed at a time; more wait.

        total_context:
            How many tokens the calls that are computed at a time may take together,
            and what is kept of earlier ones. By default what *max_sequences* calls
            could need, but at most 8192 or twice the *context_size*, and a quarter
            of the free memory. Where it runs out, calls give way and go on later.

        max_waiting: How many calls may wait while no sequence is free; one more is refused as rate-limited.

        split_mode:
            How several GPUs share the model: ``"layer"`` gives whole layers to one or
            another, which is usual; ``"row"`` a part of each matrix to all of them,
            and ``"none"`` everything to one.

        tensor_split: How much each GPU gets, in any unit: ``[3, 1]``. By default by its memory.

        main_gpu: Which GPU holds everything, counted from 0; the others then rest.

        flash_attention: ``"on"``, ``"off"``, or ``"auto"``: where the devices can.

        kv_type:
            The type of numbers in which what was read is kept: ``"f16"``, or
            ``"q8_0"`` in half the memory, and others; two of them are those of keys
            and of values. Values in blocks, as ``"q8_0"``, need flash attention.

    Raises:
        InvalidParameter: A setting is out of its range, or contradicts another one.
        ConfigurationError: A setting asks for a GPU, and llama.cpp has none.
    """

    in_process = True
    tables = (
        Table(name="in process", model=next(iter(BUNDLED))),
        Table(name="in process, num_beams 4", model=next(iter(BUNDLED)), params=Params(num_beams=4)),
    )

    def __init__(
        self,
        *,
        context_size: int | None = None,
        threads: int | None = None,
        gpu_layers: int | Literal["auto", "all"] | None = None,
        batch_size: int = 512,
        max_sequences: int = 16,
        total_context: int | None = None,
        max_waiting: int = 10_000,
        split_mode: Literal["none", "layer", "row"] | None = None,
        tensor_split: Sequence[float] | None = None,
        main_gpu: int | None = None,
        flash_attention: Literal["auto", "on", "off"] = "auto",
        kv_type: str | Sequence[str] = "f16",
    ) -> None:
        self._settings = Settings(
            context_size=context_size,
            threads=cores() if threads is None else threads,
            gpu_layers=gpu_layers,
            batch_size=batch_size,
            max_sequences=max_sequences,
            total_context=total_context,
            max_waiting=max_waiting,
            sharing=Sharing.of(split_mode, tensor_split, main_gpu),
            attention=Attention.of(flash_attention, kv_type),
        )
        self._holds: dict[tuple[str, Settings], Hold] = {}

    def rules(self, model: str, params: Params) -> Rules:
        return _rules.rules(model)

    def engine(self, model: str, devices: Sequence[str] | None = None) -> Engine:
        """Return what runs *model* on *devices*, started on first use and held until :meth:`aclose`."""
        settings = self._settings.on(devices)
        hold = self._holds.get((model, settings))
        if hold is None or not hold.engine.is_alive:
            hold = self._holds[model, settings] = engines.hold(located(model), settings)
        return hold.engine

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncGenerator[AsyncIterator[Delta]]:
        async with self._submitted(Job(request)) as job:
            yield job

    async def count_tokens(self, request: Request) -> Count:
        """Count exactly, which loads the model; calls that are being answered come first."""
        async with self._submitted(Job(request, only_count=True)) as job:
            delta = await anext(job)
        assert delta.usage is not None
        return Count(tokens=delta.usage.input_tokens, exact=True)

    def context_size(self, request: Request) -> int | None:
        """Return the setting; without one the most that there is, since the model's own is not read yet."""
        return self._settings.context_size or USUAL_CONTEXT

    async def save_state(self, request: Request) -> bytes | None:
        """Return what the model has read of the messages; it reads first what it no longer keeps."""
        job = Saving(request)
        async with self._submitted(job):
            async for _ in job:
                pass
        return job.state

    async def load_state(self, request: Request, state: bytes) -> str | None:
        """Put *state* among the beginnings that are kept, which loads the model."""
        job = TakingUp(request, state)
        async with self._submitted(job):
            async for _ in job:
                pass
        return job.refusal

    @asynccontextmanager
    async def _submitted(self, job: Job) -> AsyncGenerator[Job]:
        self.engine(job.request.model, job.request.options.get("device")).submit(job)
        try:
            yield job
        finally:
            await job.leave()

    def gauges(self) -> Mapping[Hashable, Mapping[str, float]]:
        # By the engine: all providers that hold it share one.
        engines = [hold.engine for hold in list(self._holds.values())]
        return {engine: engine.gauges() for engine in engines if engine.is_alive}

    @classmethod
    def describe(cls) -> Mapping[str, Any]:
        return build()

    async def examine(self, request: Request) -> Mapping[str, Any]:
        """Load the model, and tell where it came to be."""
        await self.count_tokens(request)
        placement = self.engine(request.model, request.options.get("device")).placement
        return {} if placement is None else placement.as_dict()

    async def aclose(self) -> None:
        """End this provider's claims; a model that nobody else holds is freed."""
        while self._holds:
            _, hold = self._holds.popitem()
            hold.release()
            if not hold.engine.is_alive:
                # A limiter of its own: closing must not wait for the application's threads.
                await anyio.to_thread.run_sync(
                    partial(hold.engine.join, PATIENCE),
                    abandon_on_cancel=True,
                    limiter=anyio.CapacityLimiter(1),
                )
