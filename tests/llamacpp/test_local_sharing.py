"""One model in memory, however many use it; none when nobody does."""

import gc
import threading
from contextlib import suppress

import anyio
import pytest

from asyncllm import LLM, InvalidModelFile, ProviderError, Unavailable
from asyncllm.provider import Request
from asyncllm_llamacpp import LlamaCppProvider
from asyncllm_llamacpp._engines import engines
from asyncllm_llamacpp._job import Job
from asyncllm_llamacpp._names import located
from asyncllm_llamacpp._native import llama
from asyncllm_llamacpp._pool import Pool
from asyncllm_llamacpp._settings import Settings

NAME = "smollm2-135m-instruct"
SETTINGS = {"threads": 1, "context_size": 512, "batch_size": 48}
OWN = {"threads": 1, "context_size": 64}
"""Settings of which no other test holds the engine."""


def engine_of_its_own():
    """Return the engine that somebody holds with the settings in OWN."""
    hold = engines.hold(located(NAME), Settings(**OWN))
    hold.release()
    return hold.engine


@pytest.mark.anyio
async def test_every_provider_has_the_same_engine(engine):
    assert {engine} == {LlamaCppProvider(**SETTINGS).engine(NAME) for _ in range(3)}


@pytest.mark.anyio
async def test_the_path_and_the_name_mean_the_same_model(engine, path):
    assert engine is LlamaCppProvider(**SETTINGS).engine(str(path))


def test_threads_that_come_first_at_once_load_it_once(path):
    barrier, holds = threading.Barrier(8), []

    def come():
        barrier.wait()
        holds.append(engines.hold(path, Settings(**OWN)))

    threads = [threading.Thread(target=come) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (engine,) = {hold.engine for hold in holds}
    for hold in holds:
        assert engine.is_alive
        hold.release()
        hold.release()

    assert not engine.is_alive
    assert engine.join(10)


def test_loops_and_threads_share_it_at_the_same_time(make_llm, engine):
    llm, texts = make_llm(temperature=0, max_tokens=4), []

    async def ask():
        texts.extend(await llm.abatch_run(["Hi."] * 3))

    threads = [
        threading.Thread(target=anyio.run, args=(ask,), kwargs={"backend": "asyncio"}),
        threading.Thread(target=anyio.run, args=(ask,), kwargs={"backend": "trio"}),
        *(threading.Thread(target=lambda: texts.append(llm.run("Hi."))) for _ in range(3)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(texts) == 9
    assert len(set(texts)) == 1


def test_many_threads_stream_at_once(make_llm):
    llm, texts = make_llm(temperature=0, max_tokens=4), []

    def ask():
        with llm.stream("Hi.") as stream:
            texts.append("".join(stream))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    llm.close()

    assert [llm.run("Hi.")] * 6 == texts


@pytest.mark.anyio
async def test_closing_frees_the_thread_and_the_model():
    llm = LLM(f"llamacpp:{NAME}", max_tokens=2, **OWN)
    await llm.arun("Hi.")
    engine = engine_of_its_own()
    await llm.aclose()

    assert engine.join(0)
    assert engine._model is None
    assert await llm.arun("Hi.")
    await llm.aclose()


@pytest.mark.anyio
async def test_closing_one_leaves_it_to_the_others():
    one, other = (LLM(f"llamacpp:{NAME}", max_tokens=2, **OWN) for _ in range(2))
    text = await one.arun("Hi.", seed=1)
    await other.arun("Hi.")
    engine = engine_of_its_own()
    await one.aclose()

    assert engine.is_alive
    assert text == await other.arun("Hi.", seed=1)
    await other.aclose()
    assert engine.join(0)


def test_a_provider_that_is_dropped_gives_its_model_up():
    provider = LlamaCppProvider(**OWN)
    engine = provider.engine(NAME)
    del provider
    gc.collect()

    assert not engine.is_alive
    assert engine.join(10)


@pytest.mark.anyio
async def test_a_call_that_is_cancelled_while_it_loads_leaves_nothing_behind():
    llm = LLM(f"llamacpp:{NAME}", **OWN)
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as group:
            group.start_soon(llm.arun, "Hi.")
            await anyio.wait_all_tasks_blocked()
            scope.cancel()
    engine = engine_of_its_own()
    await llm.aclose()

    assert engine.join(10)


@pytest.mark.anyio
async def test_closing_while_it_answers_is_an_error_for_who_waits():
    provider = LlamaCppProvider(**OWN)
    first, second = (Job(Request(model=NAME, messages=(), options={})) for _ in range(2))
    engine = provider.engine(NAME)
    engine.submit(first)
    engine.submit(second)
    await anext(first)
    await provider.aclose()

    for job in (first, second):
        with pytest.raises(ProviderError, match="was closed while"):
            async for _ in job:
                pass
        with pytest.raises(StopAsyncIteration):
            await anext(job)


async def answering(engine):
    while engine.is_idle:  # noqa: ASYNC110  the engine tells no event of its steps
        await anyio.sleep(0.001)


@pytest.mark.anyio
async def test_closing_under_a_call_neither_hangs_nor_disturbs_who_holds_the_model_too():
    one, other = (LLM(f"llamacpp:{NAME}", seed=1, **OWN) for _ in range(2))
    text = await other.arun("Hi.", max_tokens=4)
    engine = engine_of_its_own()
    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            group.start_soon(one.arun, "Tell me a story.")
            await answering(engine)
            async with other.astream("Hi.", max_tokens=4) as stream:
                await one.aclose()
                assert text == "".join([piece async for piece in stream])

    assert engine.is_alive
    await other.aclose()
    assert engine.join(10)


@pytest.mark.anyio
async def test_closing_under_the_only_call_does_not_hang_and_frees_the_model():
    llm = LLM(f"llamacpp:{NAME}", **OWN)
    await llm.arun("Hi.", max_tokens=1)
    engine = engine_of_its_own()

    async def ask():
        with suppress(ProviderError):  # Whether the call may end first is the core's to say.
            await llm.arun("Tell me a story.", temperature=2, top_k=0, top_p=1, seed=1)

    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            await answering(engine)
            await llm.aclose()

    assert engine.join(10)


@pytest.mark.anyio
async def test_a_call_to_a_closed_engine_fails_and_does_not_wait():
    provider = LlamaCppProvider(**OWN)
    engine = provider.engine(NAME)
    await provider.aclose()
    engine.submit(job := Job(Request(model=NAME, messages=(), options={})))
    with pytest.raises(ProviderError, match="was closed while"):
        await anext(job)


@pytest.mark.anyio
async def test_a_file_that_was_missing_is_looked_for_again(tmp_path, path):
    llm = LLM(f"llamacpp:{tmp_path}/later.gguf", max_tokens=2, **OWN)
    with pytest.raises(InvalidModelFile):
        await llm.arun("Hi.")
    (tmp_path / "later.gguf").symlink_to(path)

    assert await llm.arun("Hi.")
    await llm.aclose()


FORKED = """
import os, sys
from asyncllm import LLM

llm = LLM("llamacpp:smollm2-135m-instruct", threads=1, context_size=64, max_tokens=3, seed=1)
text = llm.run("Hi.")
child = os.fork()
if not child:
    same = llm.run("Hi.") == text
    llm.close()
    os._exit(0 if same else 1)
_, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status), llm.run("Hi.") == text)
llm.close()
"""


def test_a_forked_child_loads_its_own(in_fresh_process):
    assert in_fresh_process(FORKED).strip() == "0 True"


EXITS = {
    "in a stream": """
from asyncllm import LLM
stream = LLM("llamacpp:smollm2-135m-instruct", threads=1).stream("Tell me a story.")
print("begun", next(stream.__enter__()) != "")
""",
    "in a thread": """
import contextlib, threading
from asyncllm import LLM, ProviderError
began = threading.Event()

def ask():
    with contextlib.suppress(ProviderError):
        with LLM("llamacpp:smollm2-135m-instruct", threads=1).stream("Tell me a story.") as stream:
            for _ in stream:
                began.set()

threading.Thread(target=ask, daemon=True).start()
print("begun", began.wait(60))
""",
    "while it loads": """
import threading
from asyncllm import LLM
from asyncllm_llamacpp import LlamaCppProvider
provider = LlamaCppProvider(threads=1)
print("begun", provider.engine("smollm2-135m-instruct").is_alive)
""",
}


@pytest.mark.slow
@pytest.mark.parametrize("program", EXITS.values(), ids=EXITS)
def test_a_program_ends_whatever_the_engine_does(in_fresh_process, program):
    assert in_fresh_process(program).strip() == "begun True"


def test_llama_cpp_writes_nothing_of_its_own(in_fresh_process):
    printed = in_fresh_process(
        "from asyncllm import LLM\n"
        "with LLM('llamacpp:smollm2-135m-instruct', threads=1, max_tokens=2) as llm:\n"
        "    print(bool(llm.run('Hi.')))"
    )

    assert printed == "True\n"


@pytest.fixture
def loads(monkeypatch):
    """How often llama.cpp loads weights, and frees them."""
    counts, handles = {"loaded": 0, "freed": 0}, set()
    load, free = llama.llama_model_load_from_file, llama.llama_model_free

    def counted_load(*args):
        if handle := load(*args):
            counts["loaded"] += 1
            handles.add(handle)
        return handle

    def counted_free(handle):
        counts["freed"] += handle in handles  # Others are of earlier tests.
        free(handle)

    monkeypatch.setattr(llama, "llama_model_load_from_file", counted_load)
    monkeypatch.setattr(llama, "llama_model_free", counted_free)
    return counts


@pytest.mark.anyio
async def test_other_settings_share_the_weights_which_the_last_of_them_frees(make_tiny, loads):
    settings = [{}, {"context_size": 128}, {"max_waiting": 5}, {"batch_size": 8, "kv_type": "bf16"}]
    llms, found = zip(*(make_tiny(**given) for given in settings), strict=True)
    async with anyio.create_task_group() as group:
        for llm in llms:
            group.start_soon(llm.arun, "Hi.")
    assert len(set(found)) == len(settings)
    assert loads == {"loaded": 1, "freed": 0}
    assert len({engine.placement.as_dict()["devices"]["CPU"]["weights_bytes"] for engine in found}) == 1
    assert found[0].placement.gauges()["memory_weights"] > 0

    for engine in found:
        assert loads["freed"] == 0
        assert await llms[-1].arun("Hi.") if engine is not found[-1] else True
        engine.stop()
        assert engine.join(10)

    assert loads == {"loaded": 1, "freed": 1}


def test_a_file_that_took_the_place_of_another_is_loaded(make_tiny, tmp_path, tiny_path, loads):
    one, _ = make_tiny()
    text = one.run("Hi.")
    (tmp_path / tiny_path.name).rename(tmp_path / "earlier.gguf")
    other, _ = make_tiny(context_size=128)

    assert text == other.run("Hi.")
    assert loads["loaded"] == 2


def test_who_waits_for_weights_loads_them_where_the_first_gives_up(tiny_path, loads):
    pool, goes_on = Pool(), {"first": True}
    loading, results = threading.Event(), []

    def first_goes_on():
        loading.set()
        return goes_on["first"]

    def fill(params):
        params.n_gpu_layers = 0

    def first_fill(params):
        fill(params)
        loading.set()
        while goes_on["first"]:
            pass

    def first():
        with (
            pytest.raises(InvalidModelFile),
            pool.weights(tiny_path, None, fill=first_fill, keep_going=first_goes_on),
        ):
            pass

    def second():
        with pool.weights(tiny_path, None, fill=fill, keep_going=lambda: True) as found:
            results.append(found.handle)

    def third():
        with (
            pytest.raises(Unavailable, match="closed while it was loaded"),
            pool.weights(tiny_path, None, fill=fill, keep_going=lambda: False),
        ):
            pass
        results.append("gave up")

    threads = [threading.Thread(target=each) for each in (first, second, third)]
    threads[0].start()
    assert loading.wait(10)
    threads[2].start()
    threads[2].join(10)
    threads[1].start()
    goes_on["first"] = False
    for thread in threads:
        thread.join(10)

    assert results[0] == "gave up"
    assert results[1]
    assert not pool._shared
    assert loads == {"loaded": 1, "freed": 1}
