"""What a local model has read of a conversation outlives the process, in a file beside the checkpoint."""

import json
import shutil
from hashlib import sha256
from pathlib import Path

import anyio
import pytest

from asyncllm import LLM, CheckpointError, Message
from asyncllm.provider import Request
from asyncllm_llamacpp import LlamaCppProvider
from asyncllm_llamacpp._fingerprint import fingerprint

MODEL = "smollm2-135m-instruct"
SETTINGS = {"threads": 1, "context_size": 96, "batch_size": 16}
SAID = [Message("user", "Name a colour that you like."), Message("assistant", "Green.")]
TEXT = "\n".join(turn.text for turn in SAID)
"""As the tiny model reads it: it has no template, and each byte is a token."""
NEXT = Message("user", "And one more?")


@pytest.fixture
def open_tiny(tmp_path, tiny_path, tiny_parameters):
    """Open a model that nobody else holds, so that it is loaded anew once it was closed."""
    shutil.copy(tiny_path, tmp_path / "tiny.gguf")

    def open_tiny(path=tmp_path / "tiny.gguf", **given):
        return LLM(f"llamacpp:{path}", **{**SETTINGS, **tiny_parameters, **given})

    return open_tiny


@pytest.fixture
def saved(open_tiny, tmp_path):
    """A checkpoint with a state; the model that gave it is gone."""
    with open_tiny() as llm:
        llm.history = SAID
        return llm.save_checkpoint(tmp_path / "saved", kv_state=True)


def beside(path):
    return path.with_suffix(".kv")


def told_of(path, state):
    """Let the checkpoint tell of *state*, with checksums that fit."""
    beside(path).write_bytes(state)
    document = json.loads(path.read_bytes())
    document["content"]["kv_state"] |= {"size": len(state), "sha256": sha256(state).hexdigest()}
    sealed(path, document)


def sealed(path, document):
    document.pop("sha256", None)
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    path.write_text(json.dumps({**document, "sha256": sha256(text.encode()).hexdigest()}))


@pytest.mark.anyio
async def test_a_conversation_goes_on_in_another_process_without_being_read_again(
    open_tiny, tmp_path, is_likeliest
):
    async with open_tiny() as llm:
        await llm.achat("Say it.")
        said = list(llm.history)
        path = await llm.asave_checkpoint(tmp_path, kv_state=True)
        unbroken = await llm.agenerate([*said, NEXT])

    async with open_tiny() as unknowing:
        anew = await unknowing.agenerate([*said, NEXT])
    async with open_tiny() as fresh:
        restored = await fresh.aload_checkpoint(path)
        response = await fresh.agenerate([*fresh.history, NEXT])

    text = "\n".join(turn.text for turn in said)
    assert (restored.kv_state, fresh.history) == ("taken up", said)
    assert "KV state: taken up" in str(restored)
    assert (anew.usage.cached_tokens, response.usage.cached_tokens) == (0, len(text.encode()))
    for each in (response, unbroken, anew):
        assert is_likeliest(f"{text}\n{NEXT.text}", each)


@pytest.mark.anyio
async def test_the_files_are_their_owners_and_the_checkpoint_tells_of_the_state(saved, tiny_path):
    told = json.loads(saved.read_bytes())["content"]["kv_state"]
    state = beside(saved).read_bytes()

    assert told == {
        "file": beside(saved).name,
        "size": len(state),
        "sha256": sha256(state).hexdigest(),
    }
    assert {each.stat().st_mode & 0o777 for each in saved.parent.iterdir()} == {0o600}
    assert len(list(saved.parent.iterdir())) == 2


@pytest.mark.anyio
async def test_without_being_asked_for_no_state_is_saved(open_tiny, tmp_path):
    async with open_tiny() as llm:
        llm.history = SAID
        path = await llm.asave_checkpoint(tmp_path / "saved")
        restored = await llm.aload_checkpoint(path)

    assert list(path.parent.iterdir()) == [path]
    assert "kv_state" not in json.loads(path.read_bytes())["content"]
    assert restored.kv_state is None


@pytest.mark.anyio
async def test_with_nothing_said_there_is_no_state_and_the_checkpoint_says_so(open_tiny, tmp_path):
    async with open_tiny() as llm:
        path = await llm.asave_checkpoint(tmp_path / "saved", kv_state=True)
        restored = await llm.aload_checkpoint(path)

    assert list(path.parent.iterdir()) == [path]
    assert restored.left_out == ("the KV state: nothing was said",)


@pytest.mark.anyio
async def test_what_the_model_kept_is_not_read_again_to_be_saved_nor_taken_up_twice(
    make_tiny, leaks_nothing, tmp_path
):
    llm, engine = make_tiny()
    llm.history = SAID
    await llm.agenerate(SAID)
    before = engine._model.context.tokens
    path = await llm.asave_checkpoint(tmp_path / "saved", kv_state=True)
    read = engine._model.context.tokens - before
    held = engine.figures().cells_used
    restored = [await llm.aload_checkpoint(path) for _ in range(3)]

    assert read == 1  # In any case one: what is computed is what comes next.
    assert {each.kv_state for each in restored} == {"taken up"}
    assert engine.figures().cells_used == held
    assert leaks_nothing(engine)


@pytest.mark.anyio
async def test_what_is_taken_up_makes_room_like_all_that_is_kept(make_tiny, leaks_nothing, saved):
    llm, engine = make_tiny(max_sequences=1, total_context=96)
    await llm.abatch_run([letter * 20 for letter in "abcdefgh"])
    restored = await llm.aload_checkpoint(saved)
    again = await llm.agenerate([*SAID, NEXT])
    other = await llm.agenerate("x" * 90, max_tokens=5)
    gone = await llm.agenerate([*SAID, NEXT])

    assert restored.kv_state == "taken up"
    assert again.usage.cached_tokens == len(TEXT)
    assert other.usage.input_tokens == 90
    assert gone.usage.cached_tokens == 0
    assert leaks_nothing(engine)


@pytest.mark.anyio
async def test_states_come_and_go_while_calls_are_answered(make_tiny, leaks_nothing, is_likeliest, saved):
    llm, engine = make_tiny(max_sequences=3, total_context=200)
    tasks = [letter * 15 for letter in "abcdefgh"]
    responses, states = {}, []

    async def ask(task):
        responses[task] = await llm.agenerate(task)

    async def go():
        states.append((await llm.aload_checkpoint(saved)).kv_state)
        await llm.asave_checkpoint(saved.parent, kv_state=True)

    async with anyio.create_task_group() as group:
        for task in tasks:
            group.start_soon(ask, task)
            group.start_soon(go)

    assert all(is_likeliest(task, responses[task]) for task in tasks)
    assert len(states) == len(tasks)
    assert "taken up" in states
    assert leaks_nothing(engine)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "damage",
    [
        lambda state: state[:-1],
        lambda state: state[:-1] + bytes([state[-1] ^ 1]),
        lambda state: state + b"\0",
        lambda _: b"",
    ],
    ids=["truncated", "changed", "longer", "empty"],
)
async def test_a_damaged_state_is_refused_before_the_model_sees_it(saved, make_tiny, damage):
    beside(saved).write_bytes(damage(beside(saved).read_bytes()))
    llm, engine = make_tiny(top_k=7)

    with pytest.raises(CheckpointError, match="damaged, or was not saved with"):
        await llm.aload_checkpoint(saved)

    assert (llm.top_k, llm.history) == (7, [])
    assert engine.figures().cells_used == 0


@pytest.mark.anyio
async def test_another_checkpoints_state_is_refused(open_tiny, saved, tmp_path):
    async with open_tiny() as llm:
        llm.history = [Message("user", TEXT[::-1])]
        other = await llm.asave_checkpoint(tmp_path / "other", kv_state=True)
        shutil.copy(beside(other), beside(saved))

        with pytest.raises(CheckpointError, match="damaged, or was not saved with"):
            await llm.aload_checkpoint(saved)


@pytest.mark.anyio
async def test_where_the_state_is_missing_the_rest_is_loaded(open_tiny, saved):
    beside(saved).unlink()
    async with open_tiny() as llm:
        restored = await llm.aload_checkpoint(saved)

    assert restored.kv_state == "not taken up: its file is not there"
    assert llm.history == SAID


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["../other.kv", "/etc/passwd", "..", "a\0.kv", "a/b.kv", "", None])
async def test_a_state_comes_from_nowhere_but_beside_the_checkpoint(open_tiny, saved, name):
    document = json.loads(saved.read_bytes())
    document["content"]["kv_state"]["file"] = name
    sealed(saved, document)

    async with open_tiny() as llm:
        with pytest.raises(CheckpointError, match="what it says of its kv_state is damaged"):
            await llm.aload_checkpoint(saved)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "forge",
    [
        lambda _: b"something else",
        lambda state: state[:30],
        lambda state: state[: state.index(b"}")],
        lambda state: state.replace(b'"tokens": ', b'"tokens":-'),
        lambda state: state.replace(b'"tokens": ', b'"tokens":9'),
        lambda state: state.replace(b"N\0\0\0", b"N\0\0\x7f", 1),
    ],
    ids=["foreign", "cut in the head", "no head", "a negative length", "too long", "no such token"],
)
async def test_what_cannot_be_a_state_is_refused_though_its_checksum_fits(make_tiny, saved, forge):
    told_of(saved, forge(beside(saved).read_bytes()))
    llm, engine = make_tiny()

    with pytest.raises(CheckpointError, match="state is damaged"):
        await llm.aload_checkpoint(saved)

    assert engine.figures().cells_used == 0


@pytest.mark.anyio
@pytest.mark.parametrize("cut", [1, 1000])
async def test_what_llama_cpp_does_not_take_is_not_taken_up_and_leaves_nothing(
    make_tiny, saved, leaks_nothing, cut
):
    told_of(saved, beside(saved).read_bytes()[:-cut])
    llm, engine = make_tiny()

    restored = await llm.aload_checkpoint(saved)
    response = await llm.agenerate([*SAID, NEXT])

    assert restored.kv_state.startswith("not taken up: there was no room for it, or llama.cpp did not")
    assert response.usage.cached_tokens == 0
    assert leaks_nothing(engine)


@pytest.mark.anyio
async def test_another_models_state_is_a_difference_and_no_error(open_tiny, saved, tmp_path):
    other = tmp_path / "other.gguf"
    weights = bytearray((tmp_path / "tiny.gguf").read_bytes())
    weights[-4096:] = weights[-4096:][::-1]  # The same in all but a few of its weights.
    other.write_bytes(weights)

    async with open_tiny(other) as llm:
        restored = await llm.aload_checkpoint(saved)
        response = await llm.agenerate([*llm.history, NEXT])

    assert restored.kv_state == "not taken up: it is not of this model"
    assert llm.history == SAID
    assert response.usage.cached_tokens == 0


@pytest.mark.anyio
async def test_a_state_that_is_too_long_for_the_context_is_a_difference(open_tiny, saved):
    async with open_tiny(context_size=32) as llm:
        restored = await llm.aload_checkpoint(saved)

    assert restored.kv_state == f"not taken up: it takes {len(TEXT)} tokens, and the context has 32"


@pytest.mark.anyio
async def test_a_history_that_the_context_does_not_hold_is_not_saved_so(open_tiny, tmp_path):
    async with open_tiny() as llm:
        llm.history = [Message("user", "x" * 97)]
        with pytest.raises(CheckpointError, match=r"97 tokens, and the context has 96.*save it without"):
            await llm.asave_checkpoint(tmp_path / "saved", kv_state=True)

    assert not (tmp_path / "saved").exists()


@pytest.mark.anyio
async def test_what_is_called_off_leaves_nothing_behind(make_tiny, leaks_nothing):
    _, engine = make_tiny()
    path = str(engine._path)
    provider = LlamaCppProvider(**SETTINGS)
    request = Request(model=path, messages=tuple(SAID), options={})
    state = await provider.save_state(request)

    for at in range(20):
        with anyio.move_on_after(at / 1000):
            await provider.save_state(request)
        with anyio.move_on_after(at / 10_000):
            await provider.load_state(request, state)

    assert await provider.load_state(request, state) is None
    await provider.aclose()
    assert leaks_nothing(engine)


def test_the_fingerprint_is_that_of_what_is_in_the_file(tiny_path, tmp_path):
    copy = Path(shutil.copy(tiny_path, tmp_path / "copy.gguf"))
    assert fingerprint(copy) == fingerprint(tiny_path)

    with copy.open("ab") as file:
        file.write(b"\0")
    assert fingerprint(copy) != fingerprint(tiny_path)


def test_a_model_with_a_template_goes_on_where_it_was(tmp_path):
    """The last mark of the history is of what follows, so that all of it is cached."""

    def opened():
        return LLM(f"llamacpp:{MODEL}", threads=1, context_size=100, max_tokens=3, temperature=0)

    with opened() as llm:
        llm.system_prompt = "Be brief."
        llm.chat("Hi.")
        said, path = list(llm.history), llm.save_checkpoint(tmp_path, kv_state=True)
        unbroken = llm.generate([*said, NEXT])
    with opened() as fresh:
        restored = fresh.load_checkpoint(path)
        response = fresh.generate([*fresh.history, NEXT])

    assert restored.kv_state == "taken up"
    assert response.usage.cached_tokens >= unbroken.usage.cached_tokens > 0
    assert response.text.split()[:1] == unbroken.text.split()[:1]
