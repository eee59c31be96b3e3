"""What a provider keeps of a conversation goes into a file beside the checkpoint, and back."""

import json

import pytest

from asyncllm import LLM, CheckpointError, Message, RateLimited
from asyncllm._checkpoints import _file as files
from asyncllm.testing import FakeProvider

SAID = [Message("user", "Name a colour."), Message("assistant", "Red.")]


class Keeping(FakeProvider):
    """Keeps the conversation's texts."""

    refusal = None
    error = None
    seen = None

    async def save_state(self, request):
        if self.error is not None:
            raise self.error
        return repr([message.text for message in request.messages]).encode()

    async def load_state(self, request, state):
        if self.error is not None:
            raise self.error
        type(self).seen = request.model, state
        return self.refusal


class Unopened(FakeProvider):
    async def aopen(self):
        raise AssertionError("nothing is to be opened")


def made(provider, **options):
    llm = LLM("m", provider=provider, **options)
    llm.history = SAID
    return llm


@pytest.fixture
def keeping():
    return type("Keeping", (Keeping,), {})


@pytest.mark.anyio
async def test_the_provider_gives_its_state_and_has_it_back(keeping, tmp_path):
    path = await made(keeping).asave_checkpoint(tmp_path, kv_state=True)
    restored = await LLM("other", provider=keeping).aload_checkpoint(path)

    assert path.with_suffix(".kv").read_bytes() == b"['Name a colour.', 'Red.']"
    assert keeping.seen == ("other", path.with_suffix(".kv").read_bytes())
    assert restored.kv_state == "taken up"


@pytest.mark.anyio
async def test_a_key_that_was_said_is_not_in_the_state(keeping, tmp_path):
    keeping.__init__ = lambda self, *, api_key=None: FakeProvider.__init__(self)
    llm = made(keeping, api_key="sk-a-secret-key")
    llm.history = [Message("user", "Is sk-a-secret-key a key?")]
    path = await llm.asave_checkpoint(tmp_path, kv_state=True)

    assert b"sk-a-secret" not in path.with_suffix(".kv").read_bytes()
    assert b" a key?" in path.with_suffix(".kv").read_bytes()


@pytest.mark.anyio
async def test_a_provider_that_keeps_nothing_is_not_even_opened_and_the_checkpoint_says_so(keeping, tmp_path):
    path = await made(Unopened).asave_checkpoint(tmp_path, kv_state=True)
    restored = await made(Unopened).aload_checkpoint(path)

    assert list(tmp_path.iterdir()) == [path]
    assert restored.left_out == ("the KV state: the model keeps none in this process",)
    assert "not saved: the KV state" in str(restored)
    assert restored.kv_state is None


@pytest.mark.anyio
async def test_a_state_that_nobody_takes_is_a_difference(keeping, tmp_path):
    path = await made(keeping).asave_checkpoint(tmp_path, kv_state=True)
    elsewhere = await made(Unopened).aload_checkpoint(path)
    keeping.refusal = "it is of another model"
    refused = await made(keeping).aload_checkpoint(path)
    keeping.error = RateLimited("not now")
    failed = await made(keeping).aload_checkpoint(path)

    assert elsewhere.kv_state == "not taken up: the provider keeps no state"
    assert refused.kv_state == "not taken up: it is of another model"
    assert failed.kv_state == "not taken up: not now"


@pytest.mark.anyio
async def test_where_the_provider_fails_to_give_its_state_nothing_is_saved(keeping, tmp_path):
    keeping.error = RateLimited("not now")
    with pytest.raises(CheckpointError, match=r"does not give its KV state \(not now\); save it without"):
        await made(keeping).asave_checkpoint(tmp_path, kv_state=True)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.anyio
async def test_a_state_that_the_provider_finds_damaged_changes_nothing(keeping, tmp_path):
    path = await made(keeping, seed=1).asave_checkpoint(tmp_path, kv_state=True)
    keeping.error = CheckpointError("it is torn")
    llm = LLM("m", provider=keeping, seed=2)
    with pytest.raises(CheckpointError, match="was not loaded: it is torn"):
        await llm.aload_checkpoint(path)

    assert (llm.seed, llm.history) == (2, [])


@pytest.mark.anyio
@pytest.mark.parametrize("ending", [".kv", ".json"])
async def test_a_save_that_fails_leaves_neither_file(keeping, tmp_path, monkeypatch, ending):
    put = files._put

    def put_or_fail(path, data):
        if path.suffix == ending:
            raise OSError(28, "No space left on device")
        put(path, data)

    monkeypatch.setattr(files, "_put", put_or_fail)
    with pytest.raises(CheckpointError, match="No space left"):
        await made(keeping).asave_checkpoint(tmp_path, kv_state=True)

    assert list(tmp_path.iterdir()) == []


def test_the_state_is_there_before_the_checkpoint_that_tells_of_it(keeping, tmp_path, monkeypatch):
    put, order = files._put, []
    monkeypatch.setattr(files, "_put", lambda path, data: (order.append(path.suffix), put(path, data)))
    path = made(keeping).save_checkpoint(tmp_path, kv_state=True)

    assert order == [".kv", ".json"]
    assert json.loads(path.read_bytes())["content"]["kv_state"]["file"] == f"{path.stem}.kv"
