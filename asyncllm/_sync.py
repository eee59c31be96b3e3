"""
Call async methods from synchronous code.

The async method is the source; its blocking twin is derived from it and has
the same signature. It runs on an event loop of its own, in one background
thread, and so works anywhere: in scripts, in many threads at once, and in
notebooks, where an event loop is running already (which stands still meanwhile).
"""

from __future__ import annotations

import atexit
import contextvars
import functools
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from queue import SimpleQueue
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeAlias, TypeVar

import anyio
from anyio.from_thread import BlockingPortal

S = TypeVar("S")
P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
V = TypeVar("V")
R_co = TypeVar("R_co", covariant=True)


class Answering(Protocol[R_co]):
    """What an async streaming method yields: pieces, and a response behind them."""

    def __aiter__(self) -> AsyncIterator[str]: ...

    def reasoning_pieces(self) -> AsyncIterator[str]: ...

    @property
    def text(self) -> str: ...

    @property
    def reasoning(self) -> str: ...

    @property
    def response(self) -> R_co: ...


def synchronous(
    method: Callable[Concatenate[S, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate[S, P], R]:
    """Derive the blocking twin of an async method: ``run = synchronous(arun)``."""

    @functools.wraps(method)
    def blocking(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        call: Callable[[], Coroutine[Any, Any, R]] = functools.partial(
            _source(self, twin, method.__name__), *args, **kwargs
        )
        return wait_for(call)

    return (twin := _named_as_twin(blocking, method.__name__))


def synchronous_stream(
    method: Callable[Concatenate[S, P], AbstractAsyncContextManager[Answering[R]]],
) -> Callable[Concatenate[S, P], AbstractContextManager[BlockingStream[R]]]:
    """Derive the blocking twin of an async streaming method: ``stream = synchronous_stream(astream)``."""

    @functools.wraps(method)
    def blocking(self: S, /, *args: P.args, **kwargs: P.kwargs) -> AbstractContextManager[BlockingStream[R]]:
        return _streaming(functools.partial(_source(self, twin, method.__name__), *args, **kwargs))

    return (twin := _named_as_twin(blocking, method.__name__))


def synchronous_hold(
    method: Callable[Concatenate[S, P], AbstractAsyncContextManager[T]], view: Callable[[T], V]
) -> Callable[Concatenate[S, P], AbstractContextManager[V]]:
    """Derive the blocking twin of a method that holds something open; *view* shows it to synchronous code."""

    @functools.wraps(method)
    def blocking(self: S, /, *args: P.args, **kwargs: P.kwargs) -> AbstractContextManager[V]:
        return _held(functools.partial(_source(self, twin, method.__name__), *args, **kwargs), view)

    return (twin := _named_as_twin(blocking, method.__name__))


def wait_for(call: Callable[[], Coroutine[Any, Any, R]]) -> R:
    """Wait for what *call* brings on the background loop."""
    running = _Running(call)
    # Ctrl-C in the wait of a future itself may come out as the error of a lock that it left halfway.
    ended: SimpleQueue[Future[R]] = SimpleQueue()
    running.future.add_done_callback(ended.put)
    try:
        running.start()
        return ended.get().result()
    finally:  # Ctrl-C must not leave the call running behind.
        running.cancel()


def upwards(instance: object, cls: type, name: str) -> Any:
    """Return the method *name* of *instance* as *cls* has it, whatever the classes below make of it."""
    mro = type(instance).__mro__
    found = next(vars(base)[name] for base in mro[mro.index(cls) :] if name in vars(base))
    return found.__get__(instance, type(instance))


def _source(instance: object, twin: Any, source: str) -> Any:
    """
    Return the async method behind *twin*: the instance's own, a subclass's for example.

    But who came to *twin* through ``super()`` means what the classes have from there up.
    """
    name, mro = twin.__name__, type(instance).__mro__
    owners = [base for base in mro if name in vars(base)]
    above = next((place for place, base in enumerate(owners) if place and vars(base)[name] is twin), 0)
    if not above:
        return getattr(instance, source)

    # A class without this method passes on to its twin: what it has of the source is meant as well.
    return upwards(instance, mro[mro.index(owners[above - 1]) + 1], source)


@contextmanager
def hosted(portal: BlockingPortal) -> Generator[None]:
    """Run what this thread calls meanwhile on the event loop of *portal*, which waits for this thread."""
    _here.portal = portal
    try:
        yield
    finally:
        _here.portal = None


class BlockingStream(Generic[R]):
    """The pieces of an answer as they come, for synchronous code."""

    def __init__(self, source: Answering[R], pieces: _Pieces, thoughts: _Pieces) -> None:
        self._source = source
        self._pieces = pieces
        self._thoughts = thoughts

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        piece = self._pieces.get()
        if isinstance(piece, str):
            return piece

        self._pieces.put(piece)  # Whoever asks again is told again.
        raise StopIteration if piece is None else piece

    def reasoning_pieces(self) -> Iterator[str]:
        """Take what the model thinks as it comes, up to where its answer begins."""
        while isinstance(piece := self._thoughts.get(), str):
            yield piece
        self._thoughts.put(piece)
        if piece is not None:
            raise piece

    @property
    def text(self) -> str:
        """What has come so far."""
        return self._source.text

    @property
    def reasoning(self) -> str:
        """What has come so far of what the model thinks; no part of the text."""
        return self._source.reasoning

    @property
    def response(self) -> R:
        """The whole response, once the last piece has come; before, what has come so far."""
        return self._source.response


_Pieces: TypeAlias = "SimpleQueue[str | BaseException | None]"


@contextmanager
def _streaming(
    opening: Callable[[], AbstractAsyncContextManager[Answering[R]]],
) -> Generator[BlockingStream[R]]:
    pieces: _Pieces = SimpleQueue()
    thoughts: _Pieces = SimpleQueue()
    opened: Future[Answering[R]] = Future()

    # One task holds the stream from beginning to end: a cancel scope must not change tasks.
    async def pump() -> None:
        async with opening() as source:
            opened.set_result(source)
            async for thought in source.reasoning_pieces():
                thoughts.put(thought)
            thoughts.put(None)
            async for piece in source:
                pieces.put(piece)

    def ended(pumping: Future[None]) -> None:
        error = pumping.exception()
        if not opened.done():
            opened.set_exception(error or CancelledError())
        # Only who left early was cancelled, and asks for no more.
        end = None if isinstance(error, CancelledError) else error
        thoughts.put(end)
        pieces.put(end)

    running = _Running(pump)
    running.future.add_done_callback(ended)
    try:
        running.start()
        yield BlockingStream(opened.result(), pieces, thoughts)
    finally:
        running.cancel()
        for queue in (pieces, thoughts):
            while not queue.empty():  # Who has left gets nothing more.
                queue.get()
            queue.put(None)


@contextmanager
def _held(opening: Callable[[], AbstractAsyncContextManager[T]], view: Callable[[T], V]) -> Generator[V]:
    opened: Future[T] = Future()

    # One task holds it from beginning to end: a cancel scope must not change tasks.
    async def hold() -> None:
        async with opening() as held:
            opened.set_result(held)
            await anyio.sleep_forever()

    def ended(holding: Future[None]) -> None:
        if not opened.done():
            opened.set_exception(holding.exception() or CancelledError())

    running = _Running(hold)
    running.future.add_done_callback(ended)
    try:
        running.start()
        yield view(opened.result())
    finally:
        running.cancel()


class _Running(Generic[R]):
    """
    A call on the background loop.

    Ctrl-C may come at any point of :meth:`start`, so :meth:`cancel` does not rely
    on how far that got.
    """

    def __init__(self, call: Callable[[], Coroutine[Any, Any, R]]) -> None:
        self._call = call
        self._scope: anyio.CancelScope | None = None
        self._ended = threading.Event()
        self.future: Future[R] = Future()

    def start(self) -> None:
        _portal().start_task_soon(self._run)

    def cancel(self) -> None:
        """Cancel the call if it still runs, and wait until it has let go of what it held."""
        if not self._ended.is_set():
            _portal().start_task_soon(self._call_off)
            self._ended.wait(timeout=PATIENCE)

    async def _run(self) -> None:
        try:
            with anyio.CancelScope() as self._scope:
                self.future.set_result(await self._call())
        except BaseException as exc:
            self.future.set_exception(exc)
            if isinstance(exc, anyio.get_cancelled_exc_class()):  # The loop ends. Else it must go on.
                raise
        finally:
            if not self.future.done():
                self.future.set_exception(CancelledError())
            self._ended.set()

    async def _call_off(self) -> None:
        if self._scope is None:  # What was started before this has begun by now: so it was not.
            self._ended.set()
        else:
            self._scope.cancel()


PATIENCE = 5.0
"""Seconds that a cancelled call, or the whole loop at the program's end, gets to clean up."""


class _Background:
    """The one background event loop, started on first use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._portal: BlockingPortal | None = None
        self._thread: threading.Thread | None = None

    def portal(self) -> BlockingPortal:
        if sys.is_finalizing():
            raise RuntimeError(
                "a blocking method was called while the interpreter ends: no thread starts any more"
            )

        with self._lock:
            if self._portal is None or self._thread is None or not self._thread.is_alive():
                ready: Future[BlockingPortal] = Future()
                # A context of its own: the loop must not live in that of whoever came first.
                thread = threading.Thread(
                    target=contextvars.Context().run, args=(self._live, ready), name="asyncllm", daemon=True
                )
                thread.start()
                self._portal, self._thread = ready.result(), thread
            if threading.current_thread() is self._thread:
                raise RuntimeError(
                    "a blocking method was called on asyncllm's own event loop, where it would wait for "
                    "itself; await its async twin instead (arun for run)"
                )
            return self._portal

    def _live(self, ready: Future[BlockingPortal]) -> None:
        try:
            anyio.run(self._serve, ready)
        except BaseException as exc:
            if ready.done():
                raise
            ready.set_exception(exc)  # No file handles left, say: whoever waits must hear of it.

    async def _serve(self, ready: Future[BlockingPortal]) -> None:
        async with BlockingPortal() as portal:
            ready.set_result(portal)
            await portal.sleep_until_stopped()

    def stop(self) -> None:
        """End the loop, which closes what is still open in it."""
        with self._lock:
            portal, thread = self._portal, self._thread
            self._portal = self._thread = None
        if portal is not None and thread is not None and thread.is_alive():
            portal.start_task_soon(portal.stop, True)
            thread.join(timeout=PATIENCE)


def _named_as_twin(blocking: Callable[P, R], source: str) -> Callable[P, R]:
    blocking.__name__ = source.removeprefix("a")
    blocking.__qualname__ = blocking.__qualname__.rpartition(".")[0] + "." + blocking.__name__
    blocking.__doc__ = f"Like :meth:`{source}`, for synchronous code."
    return blocking


class _Here(threading.local):
    portal: BlockingPortal | None = None
    """Into the event loop that waits for this thread, if one does."""


def _portal() -> BlockingPortal:
    return _here.portal or _background.portal()


_here = _Here()
_background = _Background()
atexit.register(_background.stop)

if hasattr(os, "register_at_fork"):  # A forked child inherits the loop but not its thread.
    os.register_at_fork(after_in_child=_background.__init__)  # type: ignore[misc]
