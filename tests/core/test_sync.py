"""The blocking twins work wherever they are called."""

import contextvars
import inspect
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import anyio
import nbclient
import nbformat
import pytest

from asyncllm import LLM, IncompleteResponse, InvalidTask, RequestRejected
from asyncllm.provider import Delta
from asyncllm.testing import FakeProvider

TWINS = {
    "arun": "run",
    "agenerate": "generate",
    "astream": "stream",
    "abatch_run": "batch_run",
    "aclose": "close",
}


def echoing(**settings):
    return FakeProvider(reply=lambda request: request.messages[-1].text, **settings)


@pytest.fixture
def script(tmp_path):
    """Start a Python program; give the process."""
    processes = []

    def start(source):
        program = tmp_path / f"program_{len(processes)}.py"
        program.write_text(PREAMBLE + textwrap.dedent(source))
        command = [sys.executable, "-W", "error", str(program)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


PREAMBLE = """
import signal
import sys

import anyio

# A test run in the background of a shell has Ctrl-C switched off, and so have its children.
signal.signal(signal.SIGINT, signal.default_int_handler)

from asyncllm import LLM
from asyncllm.testing import FakeProvider


class Waiting(FakeProvider):
    # Answers one piece and then waits for ever; says when it waits, and when it is cancelled.
    async def _deltas(self, request):
        async for delta in super()._deltas(request):
            yield delta
            print("waiting", flush=True)
            try:
                await anyio.sleep_forever()
            except anyio.get_cancelled_exc_class():
                print("cancelled", flush=True)
                raise

"""


def finished(process):
    out, err = process.communicate(timeout=60)
    return process.returncode, out.split("\n")[:-1], err


def test_every_twin_answers_as_its_source_does():
    fake = echoing()
    with LLM("m", provider=lambda: fake) as llm:
        assert llm.run("a b") == "a b"
        assert llm.generate("a b").text == "a b"
        assert llm.batch_run(["a", "b"]) == ["a", "b"]
        with llm.stream("a b") as stream:
            assert list(stream) == ["a", " b"]
        assert stream.response.text == stream.text == "a b"
        assert (fake.opened, fake.closed) == (1, 0)
    assert (fake.opened, fake.closed) == (1, 1)


def test_errors_come_out_as_they_are():
    def reply(request):
        raise RequestRejected("no")

    llm = LLM("m", provider=lambda: FakeProvider(reply=reply))
    with pytest.raises(RequestRejected, match="no"):
        llm.run("x")
    with pytest.raises(RequestRejected, match="no"):
        llm.batch_run(["x"])
    with pytest.raises(RequestRejected, match="no"), llm.stream("x"):
        raise AssertionError
    with pytest.raises(InvalidTask):
        llm.run("")
    assert isinstance(llm.batch_run(["x"], return_errors=True)[0], RequestRejected)


@pytest.mark.parametrize(("source", "twin"), TWINS.items())
def test_a_twin_has_its_sources_signature_and_its_own_name(source, twin):
    source, twin = getattr(LLM, source), getattr(LLM, twin)

    assert inspect.signature(twin) == inspect.signature(source)
    assert twin.__name__ == source.__name__.removeprefix("a")
    assert twin.__qualname__ == f"{source.__qualname__.rpartition('.')[0]}.{twin.__name__}"
    assert twin.__module__ == source.__module__
    assert twin.__doc__ == f"Like :meth:`{source.__name__}`, for synchronous code."
    assert not inspect.iscoroutinefunction(twin)


def test_every_async_method_has_a_twin():
    sources = {
        name
        for name in dir(LLM)
        if name.startswith("a") and inspect.isroutine(method := getattr(LLM, name))
        if inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(inspect.unwrap(method))
    }

    assert set(TWINS) <= sources
    for name in sources:
        assert getattr(LLM, name[1:]).__doc__ == f"Like :meth:`{name}`, for synchronous code."


def test_a_subclass_that_overrides_the_source_is_heard_by_the_twin():
    class Loud(LLM):
        async def arun(self, task, **params):
            return (await super().arun(task, **params)).upper()

        @asynccontextmanager
        async def astream(self, task, **params):
            async with super().astream(task + " twice", **params) as stream:
                yield stream

    loud = Loud("m", provider=echoing)
    assert loud.run("x") == "X"
    with loud.stream("x") as stream:
        assert "".join(stream) == "x twice"


def test_many_threads_at_once_share_one_provider():
    fake, together = echoing(), threading.Barrier(16)
    llm = LLM("m", provider=lambda: fake)

    def ask(number):
        together.wait()
        with llm.stream(f"stream {number}") as stream:
            return llm.run(f"run {number}"), "".join(stream)

    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(ask, range(16)))

    assert answers == [(f"run {number}", f"stream {number}") for number in range(16)]
    assert (fake.opened, fake.running) == (1, 0)


@pytest.mark.anyio
async def test_twins_work_inside_a_running_event_loop():
    llm = LLM("m", provider=echoing)

    assert llm.run("a b") == "a b"
    assert llm.batch_run(["a", "b"]) == ["a", "b"]
    with llm.stream("a b") as stream:
        assert list(stream) == ["a", " b"]
    assert await llm.arun("c") == "c"
    llm.close()
    await llm.aclose()


def test_the_callers_context_reaches_the_provider():
    who = contextvars.ContextVar("who", default="nobody")
    llm = LLM("m", provider=lambda: FakeProvider(reply=lambda request: who.get()))
    llm.run("x")
    who.set("me")

    assert llm.run("x") == "me"
    assert contextvars.Context().run(llm.run, "x") == "nobody"
    with llm.stream("x") as stream:
        assert list(stream) == ["me"]


class Held(FakeProvider):
    """Answers one piece and waits; notes when it is let go."""

    def __init__(self):
        super().__init__(reply="a b")
        self.let_go = threading.Event()

    async def _deltas(self, request):
        try:
            async for delta in super()._deltas(request):
                yield delta
                await anyio.sleep_forever()
        finally:
            self.let_go.set()


def test_leaving_a_stream_early_stops_the_provider():
    held = Held()
    with LLM("m", provider=lambda: held).stream("x") as stream:
        assert next(iter(stream)) == "a"
        assert (stream.text, stream.response.finish_reason) == ("a", "unknown")

    assert held.let_go.is_set()
    assert held.running == 0
    assert (stream.response.text, stream.response.finish_reason) == ("a", "cancelled")


def test_an_error_in_the_block_stops_the_provider_and_comes_out():
    held = Held()
    with pytest.raises(ZeroDivisionError), LLM("m", provider=lambda: held).stream("x") as stream:
        for _ in stream:
            raise ZeroDivisionError

    assert held.let_go.is_set()
    assert held.running == 0


def test_a_stream_that_fails_midway_fails_there_and_whenever_it_is_asked_again():
    class Cut(FakeProvider):
        async def _deltas(self, request):
            yield Delta(text="a")

    pieces = []
    with LLM("m", provider=Cut).stream("x") as stream:
        for _ in range(2):
            with pytest.raises(IncompleteResponse) as caught:
                pieces.extend(piece for piece in stream)

    assert caught.value.text == "a"


def test_a_stream_that_ended_says_so_whenever_it_is_asked_again():
    with LLM("m", provider=echoing).stream("a b") as stream:
        assert list(stream) == ["a", " b"]
        assert list(stream) == []
    assert list(stream) == []


@pytest.mark.parametrize("method", ["run", "stream"])
def test_a_twin_called_on_the_background_loop_itself_raises_at_once(method):
    inner = LLM("m", provider=FakeProvider)

    def reply(request):
        if method == "run":
            return inner.run("x")
        with inner.stream("x") as stream:
            return "".join(stream)

    with pytest.raises(RuntimeError, match="would wait for itself; await its async twin instead"):
        LLM("m", provider=lambda: FakeProvider(reply=reply)).run("x")


def test_a_twin_in_a_worker_thread_of_the_background_loop_works():
    inner = LLM("m", provider=FakeProvider)

    class Outer(FakeProvider):
        async def _deltas(self, request):
            yield Delta(text=await anyio.to_thread.run_sync(inner.run, "x"), finish_reason="stop")

    assert LLM("m", provider=Outer).run("x") == "ok"


def test_the_background_thread_is_one_and_dies_with_the_program():
    LLM("m", provider=FakeProvider).run("x")
    (thread,) = [thread for thread in threading.enumerate() if thread.name == "asyncllm"]

    assert thread.daemon


def test_a_call_that_exits_hands_that_to_its_caller_and_the_loop_goes_on(script):
    process = script("""
        def reply(request):
            if request.messages[-1].text == "leave":
                raise SystemExit(3)
            return "ok"

        llm = LLM("m", provider=lambda: FakeProvider(reply=reply))
        print(llm.run("x"))
        try:
            llm.run("leave")
        except SystemExit as exc:
            print("left", exc.code)
        print(llm.run("x"))
    """)
    code, out, err = finished(process)

    assert (code, out) == (0, ["ok", "left 3", "ok"]), err


def test_an_event_loop_that_cannot_start_is_an_error_and_not_a_wait_for_ever(script):
    process = script("""
        import os, resource

        llm = LLM("m", provider=FakeProvider)
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        lowest = os.dup(0)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
        try:
            llm.run("x")
        except OSError as exc:
            print(exc.strerror)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        print(llm.run("x"))
    """)
    code, out, err = finished(process)

    assert (code, out) == (0, ["Too many open files", "ok"]), err


def test_a_script_ends_when_it_is_done_and_says_nothing(script):
    process = script("""
        llm = LLM("m", provider=FakeProvider)
        print(llm.run("x"), *llm.batch_run("abc".split()))
        with llm.stream("x") as stream:
            print(*stream)
    """)

    assert finished(process) == (0, ["ok ok", "ok"], "")


def test_a_stream_that_is_still_open_does_not_keep_a_program_from_ending(script):
    process = script("""
        block = LLM("m", provider=Waiting).stream("x")
        print(next(block.__enter__()))
    """)
    code, out, err = finished(process)

    assert (code, err) == (0, "")
    # Two threads print: their words may share a line.
    assert all(word in "".join(out) for word in ("cancelled", "ok", "waiting"))


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="Ctrl-C by a signal")
@pytest.mark.parametrize(
    "call",
    [
        'llm.run("x")',
        'llm.batch_run(["x"])',
        'with llm.stream("x") as stream: list(stream)',
        "with llm: llm.run('x')",
    ],
)
def test_ctrl_c_cancels_the_call_and_comes_out(script, call):
    process = script(f"""
        llm = LLM("m", provider=Waiting)
        try:
            {call}
        except KeyboardInterrupt:
            print("interrupted", flush=True)
    """)
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(signal.SIGINT)

    assert finished(process) == (0, ["cancelled", "interrupted"], "")


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="Ctrl-C by a signal")
def test_after_ctrl_c_the_next_call_works(script):
    process = script("""
        waiting, llm = LLM("m", provider=Waiting), LLM("m", provider=FakeProvider)
        try:
            waiting.run("x")
        except KeyboardInterrupt:
            print(llm.run("x"), waiting._llm_model.rulebook.running)
    """)
    process.stdout.readline()
    process.send_signal(signal.SIGINT)

    assert finished(process) == (0, ["cancelled", "ok 0"], "")


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no fork")
def test_parent_and_child_both_work_after_a_fork(script):
    process = script("""
        import os, warnings
        warnings.simplefilter("ignore", DeprecationWarning)  # from Python 3.12 on

        llm = LLM("m", provider=FakeProvider, reply="a b")
        print(llm.run("x"), flush=True)
        child = os.fork()
        if child == 0:
            try:
                with llm.stream("x") as stream:
                    print("child", llm.run("x"), *llm.batch_run(["x"]), "".join(stream), flush=True)
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        print("parent", llm.run("x"), flush=True)
        child = os.fork()
        if child == 0:
            print("second child", llm.run("x"), flush=True)
            sys.exit(0)
        os.waitpid(child, 0)
        print("parent", llm.run("x"), flush=True)
    """)
    code, out, err = finished(process)

    assert (code, err) == (0, "")
    assert out == ["a b", "child a b a b a b", "parent a b", "second child a b", "parent a b"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_twins_work_in_a_notebook():
    cell = """
        import asyncio
        from asyncllm import LLM
        from asyncllm.testing import FakeProvider

        llm = LLM("m", provider=FakeProvider, reply="a b")
        assert asyncio.get_event_loop().is_running()
        with llm.stream("x") as stream:
            pieces = list(stream)
        print(llm.run("x"), pieces, await llm.arun("x"))
    """
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(textwrap.dedent(cell))])
    done = nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3").execute()

    assert done.cells[0].outputs[0].text == "a b ['a', ' b'] a b\n"


def test_a_stream_that_is_open_does_not_hold_up_other_calls():
    with LLM("m", provider=Held).stream("x") as stream:
        next(iter(stream))
        assert LLM("m", provider=FakeProvider).run("x") == "ok"


def test_time_is_measured_in_the_twins_too():
    began = time.perf_counter()
    reply = LLM("m", provider=FakeProvider, pause=0.01).generate("x")

    assert 0.01 <= reply.timing.first_token <= reply.timing.total <= time.perf_counter() - began
