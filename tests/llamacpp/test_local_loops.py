"""Event loops of both kinds, in threads of their own, use one engine at a time in any order."""

import random
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import anyio
import pytest
from alone import TINY
from anyio.from_thread import start_blocking_portal
from anyio.lowlevel import checkpoint
from gate import held
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from searches import BRIEF, found, wanted

from asyncllm import LLM, ContextLengthExceeded, LLMError, ProviderError, RateLimited, Retry
from asyncllm.provider import Message, Request
from asyncllm_llamacpp import LlamaCppProvider

BACKENDS = ["asyncio", "trio"]
SETTINGS = {
    "threads": 1,
    "context_size": 64,
    "batch_size": 16,
    "max_sequences": 4,
    "total_context": 80,
    "max_waiting": 12,
}
ENDLESS = {"logit_bias": dict.fromkeys(range(128, 260), -100)}
TEXTS = st.tuples(
    st.sampled_from(["", "the same beginning ", "the same beginning of all "]),
    st.text("ab", min_size=1, max_size=16),
).map("".join)
LENGTHS = st.integers(1, 20)
LOOPS = st.integers(0, len(BACKENDS) - 1)
ANY = st.integers(0, 100)


class Asked:
    """A call that is under way in some loop."""

    def __init__(self, portal, llm, task, given, ask):
        self.llm, self.task, self.given = llm, task, given
        self.expected = None
        """Of a search: the answers."""
        self.response = self.error = None
        self.may_fail = self.is_cancelled = False
        self._portal, self._ask = portal, ask
        self._scope = self.resumed = None
        self._future = portal.start_task_soon(self._run)

    async def _run(self):
        self.resumed = anyio.Event()
        with anyio.CancelScope() as self._scope:
            if self.is_cancelled:
                self._scope.cancel()
            try:
                self.response = await self._ask(self)
            except LLMError as error:
                self.error = error

    def cancel(self):
        self.is_cancelled = True
        self._portal.call(lambda: self._scope and self._scope.cancel())

    def read_on(self):
        self._portal.call(lambda: self.resumed and self.resumed.set())

    def end(self):
        """Wait for its end; a task that the loop has not begun yet begins before."""
        while not self._future.done():
            self.read_on()
            time.sleep(0.001)
        self._future.result()


async def whole(call):
    return await call.llm.agenerate(call.task, **call.given)


async def streamed(call):
    async with call.llm.astream(call.task, **call.given) as stream:
        async for _ in stream:
            pass
    return stream.response


async def streamed_with_a_pause(call):
    async with call.llm.astream(call.task, **call.given) as stream:
        await anext(aiter(stream), None)
        await call.resumed.wait()
        async for _ in stream:
            pass
    return stream.response


async def left_early(call):
    async with call.llm.astream(call.task, **call.given) as stream:
        for _ in range(3):
            await anext(aiter(stream), None)


class Loops(RuleBasedStateMachine):
    """Does what callers do, each in a loop of its own."""

    portals = path = tiny_parameters = is_likeliest = leaks_nothing = None

    def __init__(self):
        super().__init__()
        self.calls, self.states, self.former = [], [], []
        self.provider = LlamaCppProvider(**SETTINGS)
        self.engine = self.provider.engine(self.path)
        self.llms = [self.opened(**self.tiny_parameters) for _ in self.portals]
        self.free = [self.opened() for _ in self.portals]
        """Without the parameters that Hugging Face did not have."""

    def opened(self, **given):
        return LLM(f"llamacpp:{self.path}", retry=Retry(attempts=1), **SETTINGS, **given)

    def begin(self, loop, task, given, ask=whole):
        self.calls.append(Asked(self.portals[loop], self.llms[loop], task, given, ask))

    def request(self, task):
        return Request(model=self.path, messages=(Message("user", task),), options={})

    @rule(loop=LOOPS, task=TEXTS, most=LENGTHS, ask=st.sampled_from([whole, streamed, streamed_with_a_pause]))
    def ask(self, loop, task, most, ask):
        self.begin(loop, task, {"max_tokens": most}, ask)

    @rule(loop=LOOPS, task=TEXTS)
    def leave_early(self, loop, task):
        self.begin(loop, task, {"max_tokens": 20}, left_early)

    @rule(loop=LOOPS, tasks=st.lists(TEXTS, min_size=4, max_size=20))
    def ask_for_more_than_there_is_room_for(self, loop, tasks):
        for task in tasks:
            self.begin(loop, task, {"max_tokens": 20})

    @rule(loop=LOOPS)
    def ask_for_what_can_never_fit(self, loop):
        self.begin(loop, "x" * 70, {"max_tokens": 2})

    @rule(loop=LOOPS, number=st.integers(0, len(BRIEF) - 1))
    def search(self, loop, number):
        case, given = BRIEF[number]
        self.calls.append(call := Asked(self.portals[loop], self.free[loop], case["prompt"], given, whole))
        call.expected = wanted(case)

    @precondition(lambda self: self.calls)
    @rule(number=ANY)
    def cancel(self, number):
        self.calls[number % len(self.calls)].cancel()

    @precondition(lambda self: self.calls)
    @rule(number=ANY)
    def read_on(self, number):
        self.calls[number % len(self.calls)].read_on()

    @precondition(lambda self: self.calls)
    @rule(number=ANY)
    def wait(self, number):
        self.calls[number % len(self.calls)].end()

    @rule(loop=LOOPS, task=TEXTS)
    def save(self, loop, task):
        with suppress(RateLimited):
            state = self.portals[loop].call(self.provider.save_state, self.request(task))
            self.states.append((task, state))

    @precondition(lambda self: self.states)
    @rule(loop=LOOPS, number=ANY)
    def take_up(self, loop, number):
        task, state = self.states[number % len(self.states)]
        with suppress(RateLimited):
            refusal = self.portals[loop].call(self.provider.load_state, self.request(task), state)
            assert refusal is None or "no room" in refusal

    @rule(task=TEXTS, number=ANY)
    def ask_and_cancel_within_a_step(self, task, number):
        with held(self.engine):
            steps = self.engine.steps
            for loop, portal in enumerate(self.portals):
                self.begin(loop, task, {"max_tokens": 20})
                self.calls[number % len(self.calls)].cancel()
                for _ in range(10):
                    portal.call(checkpoint)
            assert steps == self.engine.steps

    @rule(loop=LOOPS)
    def close(self, loop):
        self.portals[loop].call(self.llms[loop].aclose)

    @rule()
    def stop(self):
        for call in self.calls:
            call.may_fail = True
        self.engine.stop()
        self.former.append(self.engine)
        self.engine = self.provider.engine(self.path)

    def is_right(self, call):
        if call.error is not None:
            return (
                isinstance(call.error, RateLimited)
                or (
                    isinstance(call.error, ContextLengthExceeded)
                    and len(call.task) > SETTINGS["context_size"]
                )
                or (isinstance(call.error, ProviderError) and call.may_fail)
            )
        if call.response is None:
            return call.is_cancelled or call._ask is left_early
        if call.expected is not None:  # The last bits may say which of two about as good comes first.
            return sorted(found(call.response)) == sorted(call.expected)
        return self.is_likeliest(call.task, call.response)

    def teardown(self):
        for call in self.calls:
            call.end()
        while not self.engine.is_idle or self.engine.figures().waiting:
            time.sleep(0.001)
        self.portals[0].call(self.provider.count_tokens, self.request("Has the engine ended its step?"))
        for portal, *llms in zip(self.portals, self.llms, self.free, strict=True):
            for llm in llms:
                portal.call(llm.aclose)
        assert all(engine.join(10) for engine in self.former)
        for call in self.calls:
            assert self.is_right(call), (call.task, call.given, call.response, call.error)
        assert self.leaks_nothing(self.engine)
        self.portals[0].call(self.provider.aclose)
        assert not self.engine.is_alive
        assert self.engine.join(10)


@pytest.fixture
def loops(tmp_path, tiny_parameters, is_likeliest, leaks_nothing):
    """The machine, with a loop of each kind."""
    known = {}

    def known_is_likeliest(task, response):
        key = task, response.text, response.finish_reason
        if key not in known:
            known[key] = is_likeliest(task, response)
        return known[key]

    with ExitStack() as stack:
        given = {
            "portals": [stack.enter_context(start_blocking_portal(backend)) for backend in BACKENDS],
            "path": str(shutil.copy(TINY, tmp_path / "tiny.gguf")),
            "tiny_parameters": tiny_parameters,
            "is_likeliest": staticmethod(known_is_likeliest),
            "leaks_nothing": staticmethod(leaks_nothing),
        }
        yield type("TheseLoops", (Loops,), given)


def tried(loops, examples, steps):
    run_state_machine_as_test(
        loops,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],  # Threads never do quite the same again, so nothing can be shrunk.
        ),
    )


def test_whatever_loops_ask_in_whatever_order_each_answer_is_its_own_and_nothing_is_left(loops):
    tried(loops, 10, 20)


@pytest.mark.slow
def test_whatever_loops_ask_for_long_each_answer_is_its_own_and_nothing_is_left(loops):
    tried(loops, 60, 40)


@pytest.mark.anyio
async def test_no_event_loop_waits_for_a_step(make_tiny, is_likeliest, leaks_nothing):
    llm, engine = make_tiny(max_sequences=2)
    responses = {}

    async def ask(task):
        responses[task] = await llm.agenerate(task)

    async with anyio.create_task_group() as group, llm.astream("Hi.", max_tokens=80, **ENDLESS) as stream:
        await anext(aiter(stream))
        with held(engine):  # Until the block ends; what waits for the engine in it never ends.
            steps = engine.steps
            for number in range(20):
                group.start_soon(ask, f"number {number}")
            with anyio.CancelScope() as scope:
                async with anyio.create_task_group() as leaving:
                    leaving.start_soon(ask, "in vain")
                    await anyio.wait_all_tasks_blocked()
                    scope.cancel()
            await anyio.wait_all_tasks_blocked()

            assert engine.figures().waiting >= 20
            assert engine.steps == steps

    assert len(responses) == 20
    assert all(is_likeliest(task, response) for task, response in responses.items())
    assert leaks_nothing(engine)


async def torment(llm, free, seed, seconds):
    """Ask, and leave at any moment; return the answers that came all the same."""
    draw = random.Random(seed)
    answers = []

    async def plain(task):
        answers.append((task, await llm.agenerate(task, max_tokens=draw.randint(1, 60))))

    async def streaming(task):
        async with llm.astream(task, max_tokens=draw.randint(1, 60)) as stream:
            async for _ in stream:
                if draw.random() < 0.05:
                    return
        answers.append((task, stream.response))

    async def searching(task):
        await free.agenerate(task, num_beams=draw.randint(2, 4), max_tokens=draw.randint(1, 20))

    async def killed(ask, task, after):
        with anyio.move_on_after(after):
            await ask(task)

    with anyio.move_on_after(seconds):
        while True:
            async with anyio.create_task_group() as group:
                for number in range(20):
                    task = "alike " * draw.randint(0, 3) + str(number)
                    ask = draw.choice([plain, plain, streaming, searching])
                    group.start_soon(killed, ask, task, draw.random() ** 2 * 0.2)
    return answers


@pytest.mark.slow
def test_killing_callers_at_random_for_a_minute_leaves_the_engine_empty_and_usable(
    make_tiny, is_likeliest, leaks_nothing
):
    llm, engine = make_tiny(total_context=200, max_sequences=6)
    free, same = make_tiny(total_context=200, max_sequences=6, temperature=None, logit_bias=None)
    assert engine is same
    with ThreadPoolExecutor() as threads:
        loops = [
            threads.submit(anyio.run, torment, llm, free, seed, 60, backend=backend)
            for seed, backend in enumerate(BACKENDS * 2)
        ]
    answers = [answer for loop in loops for answer in loop.result()]
    after = llm.generate("still there?")

    assert len(answers) > 100
    assert all(is_likeliest(task, response) for task, response in answers[:: len(answers) // 100])
    assert is_likeliest("still there?", after)
    assert leaks_nothing(engine)
