"""Hold an engine up, as a step that takes long does."""

import threading
from contextlib import contextmanager

PATIENCE = 60
"""Seconds after which the engine goes on by itself: a test that hangs is to end."""


class _Gate:
    """A job that asks for nothing, and makes the engine wait when its turn comes."""

    only_count = True

    def __init__(self):
        self.reached, self.opened = threading.Event(), threading.Event()

    def begin(self):
        self.reached.set()
        assert self.opened.wait(PATIENCE)
        return False

    def drop(self, error):
        self.reached.set()


@contextmanager
def held(engine):
    """Let *engine* wait until the block ends: whoever waits for it meanwhile, waits for good."""
    gate = _Gate()
    engine.submit(gate)
    assert gate.reached.wait(PATIENCE)
    try:
        yield
    finally:
        gate.opened.set()
