"""Whatever is asked of a journal, and however often it is reopened, it says what a dictionary would."""

import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from test_journal import TASK, answered, failed, journal

from asyncllm import JournalError
from asyncllm.batch._journal import Counts, Resume

keys = st.sampled_from(["a", "b", "c", "\x00", "🧀"])
prints = st.sampled_from(["f", "f", "g"])


class Journaled(RuleBasedStateMachine):
    """A journal, and beside it what it is to know: for each key its fingerprint, state and run."""

    backend = "asyncio"

    def __init__(self):
        super().__init__()
        self.stack = ExitStack()
        self.path = Path(self.stack.enter_context(tempfile.TemporaryDirectory())) / "run.db"
        self.portal = self.stack.enter_context(start_blocking_portal(self.backend))
        self.items, self.asked, self.run = {}, set(), 0

    def call(self, method, *args):
        """Return what *method* returns, or JournalError."""
        try:
            return self.portal.call(method, *args)
        except JournalError:
            return JournalError

    @initialize()
    def open(self):
        self.run += 1
        self.asked = set()
        policy = Resume(failed="keep", maybe_billed="skip")
        self.opened = self.portal.wrap_async_context_manager(journal(self.path, policy=policy))
        self.journal = self.opened.__enter__()

    @rule()
    def reopen(self):
        self.opened.__exit__(None, None, None)
        self.open()

    @rule(key=keys, fingerprint=prints)
    def known(self, key, fingerprint):
        earlier = {name for name in self.items if self.items[name][2] < self.run}
        if key in self.asked:
            return

        known = self.call(self.journal.known, key, fingerprint)
        if key not in earlier:
            assert known is None
        elif self.items[key][0] != fingerprint:
            assert known is JournalError
        else:
            self.asked.add(key)
            state = self.items[key][1]
            assert known.state == state
            assert known.then == ("skip" if state == "maybe_billed" else "yield")
            assert (known.response is None, known.error is None) == (state != "done", state != "failed")

    @rule(key=keys, fingerprint=prints)
    def intend(self, key, fingerprint):
        was = self.items.get(key)
        taken = was is not None and (was[0] != fingerprint or was[1] == "done" or was[2] == self.run)
        done = self.call(self.journal.intend, 0, key, fingerprint, TASK)

        assert (done is JournalError) == taken
        if not taken:
            self.items[key] = (fingerprint, "maybe_billed", self.run)
            self.asked.add(key)

    @rule(key=keys, well=st.booleans())
    def record(self, key, well):
        if key in self.items and self.items[key][2] == self.run:
            fingerprint = self.items[key][0]
            result = answered(0, key) if well else failed(0, key=key)
            self.portal.call(self.journal.record, result, fingerprint)
            self.items[key] = (fingerprint, "done" if well else "failed", self.run)

    @invariant()
    def counts(self):
        states = [state for _, state, _ in self.items.values()]
        if self.run:
            assert self.journal.counts == Counts(
                **{state: states.count(state) for state in ("done", "failed", "maybe_billed")}
            )

    def teardown(self):
        if self.run:
            self.opened.__exit__(None, None, None)
        self.stack.close()


class OnTrio(Journaled):
    backend = "trio"


@pytest.mark.parametrize("machine", [Journaled, OnTrio])
def test_a_journal_says_what_a_dictionary_would(machine):
    case = machine.TestCase()
    case.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)
    case.runTest()
