"""A checkpoint holds what is set and said, and brings it back."""

import pytest

from asyncllm import CheckpointError, Message

SET = {"temperature": 0.3, "stop_token": ["###"], "seed": 7, "repition_penalty": 1.2}
TURNS = [Message("user", "I am Ada."), Message("assistant", "Hello Ada.")]


@pytest.fixture
def full(subject):
    with subject.make(**SET) as llm:
        llm.history = TURNS
        llm.run("Name a colour.", max_tokens=1)
        yield llm


def test_a_checkpoint_brings_back_what_was_set_and_said(subject, full, tmp_path):
    path = full.save_checkpoint(tmp_path / "deep" / "down")
    fresh = subject.make(temperature=1.0, top_p=0.5)
    restored = fresh.load_checkpoint(path)

    assert (fresh.parameters, fresh.history) == (full.parameters, TURNS)
    assert fresh.top_p is None
    assert (restored.path, restored.turns) == (path, 2)
    assert (restored.model_name, restored.metrics.calls) == (subject.model, 1)
    assert fresh.run("Name a colour.", max_tokens=1)


@pytest.mark.anyio
async def test_the_asynchronous_ones_do_the_same(subject, full, tmp_path):
    path = await full.asave_checkpoint(tmp_path)
    fresh = subject.make()
    await fresh.aload_checkpoint(str(path))

    assert (fresh.parameters, fresh.history) == (full.parameters, TURNS)


def test_by_default_it_is_a_file_in_checkpoints_that_people_can_read_and_holds_no_key(
    subject, full, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    path = full.save_checkpoint()
    text = path.read_text()

    assert [each.resolve() for each in (tmp_path / "checkpoints").iterdir()] == [path.resolve()]
    assert "Hello Ada." in text
    assert "sk-made-up" not in text


def test_another_model_takes_up_what_it_can(subject, full, local, tmp_path):
    path = full.save_checkpoint(checkpoint_dir=tmp_path)
    other = local.make()
    restored = other.load_checkpoint(checkpoint_path=path)

    assert (other.model_name, other.parameters) == (local.model, full.parameters)
    assert ("model_name" in restored.differs) is not subject.is_local
    assert other.run("Name a colour.", max_tokens=1)


def test_what_is_damaged_or_missing_changes_nothing(subject, full, tmp_path):
    path = full.save_checkpoint(tmp_path)
    path.write_text(path.read_text().replace("Ada", "Eva"))
    fresh = subject.make(temperature=1.0)
    before = fresh.parameters

    for wrong in (path, tmp_path / "none.json"):
        with pytest.raises(CheckpointError):
            fresh.load_checkpoint(wrong)
    assert (fresh.parameters, fresh.history) == (before, [])
