"""The engines of this process: one for each model and its settings, while somebody holds it."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from pathlib import Path
from typing import TypeAlias

from ._engine import Engine
from ._settings import Settings

PATIENCE = 2.0
"""Seconds that the engines get to stop at the program's end."""

_Key: TypeAlias = tuple[Path, Settings]


class Hold:
    """A claim on an engine; it ends when it is released, or just dropped."""

    def __init__(self, shared: _Shared) -> None:
        self.engine = shared.engine
        claim = object()
        shared.claims.add(claim)
        self.release = weakref.finalize(self, shared.release, claim)
        """End the claim. The last one that ends stops the engine; a second call does nothing."""
        self.release.atexit = False


class _Shared:
    """An engine and the claims on it."""

    def __init__(self, owner: Engines, engine: Engine) -> None:
        self._owner = owner
        self.engine = engine
        self.claims: set[object] = set()

    def release(self, claim: object) -> None:
        with self._owner.lock:
            self.claims.discard(claim)
            if not self.claims:
                self.engine.stop()


class Engines:
    """The engines that run."""

    def __init__(self) -> None:
        # One that its holder may take again: a dropped hold is released wherever Python tidies up.
        self.lock = threading.RLock()
        self._shared: weakref.WeakValueDictionary[_Key, _Shared] = weakref.WeakValueDictionary()
        self._started: weakref.WeakSet[Engine] = weakref.WeakSet()

    def hold(self, path: Path, settings: Settings) -> Hold:
        """Claim the engine of the model in *path*, which is started if there is none."""
        while True:
            with self.lock:
                shared = self._shared.get((path, settings))
                if shared is None or not shared.engine.is_alive:
                    shared = self._shared[path, settings] = _Shared(self, Engine(path, settings))
                    self._started.add(shared.engine)
                hold = Hold(shared)
            # Not under the lock: a thread that starts may tidy up, and then needs it.
            shared.engine.start()
            # The last other claim may have been dropped just before this one was made.
            if not shared.engine.is_stopped:
                return hold

    def stop(self) -> None:
        """Stop them all: a thread that still computes while the program ends may crash it."""
        engines = list(self._started)
        for engine in engines:
            engine.stop()
        for engine in engines:
            engine.join(PATIENCE)


engines = Engines()
atexit.register(engines.stop)

if hasattr(os, "register_at_fork"):  # A forked child has the parent's memory but not its threads.
    os.register_at_fork(after_in_child=engines.__init__)  # type: ignore[misc]
