"""What is set and said can be put down and taken up again, and a file is whole or refused."""

import hashlib
import json
import os
import stat
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from asyncllm import LLM, CheckpointError, InvalidParameter, Message, Metrics
from asyncllm._checkpoints import _file as files
from asyncllm.rules import Native, Unsupported
from asyncllm.testing import FakeProvider

KEY = "sk-a-secret-key"
SAID = [Message("user", "Name a colour.\n«é 🎨»"), Message("assistant", "Red.")]
PARAMETERS = {
    "temperature": 0.3,
    "max_tokens": 12,
    "seed": 2**63 - 1,
    "stop_token": ("\n", "###"),
    "eos_token_id": (2, 3),
    "logit_bias": {42: -5.5},
    "early_stopping": "never",
    "num_beams": 2,
    "response_format": {"type": "object", "properties": {"é": {"type": "string"}}},
    "system_prompt": "Be brief.",
    "provider_options": {"FakeProvider": {"tier": "flex"}},
}


class Wired(LLM):
    def __init__(self, *args, history=(), **options):
        super().__init__(*args, **options)
        self.history = list(history)


class Keyed(FakeProvider):
    secret_settings = frozenset({"api_key", "headers"})

    def __init__(self, *, api_key=None, headers=None, base_url="http://localhost", hook=None):
        super().__init__()


def made(model="m", **options):
    return Wired(model, provider=FakeProvider, **options)


def state(llm):
    return llm.parameters, llm._llm_policies.strict, dict(llm._llm_policies.given), list(llm.history)


def changed(path, **fields):
    """Return *path* with other fields of the content, and a checksum that fits."""
    document = json.loads(path.read_bytes())
    document["content"] |= fields
    return sealed(path, document)


def measured(path, **figures):
    """Return *path* with other figures in its metrics."""
    return changed(path, metrics=json.loads(path.read_bytes())["content"]["metrics"] | figures)


def sealed(path, document):
    document.pop("sha256", None)
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    path.write_text(json.dumps({**document, "sha256": hashlib.sha256(text.encode()).hexdigest()}))
    return path


@pytest.fixture
def full():
    return made(history=SAID, policy={"seed": "require", "top_k": "ignore"}, strict=True, **PARAMETERS)


@pytest.mark.anyio
async def test_what_is_set_and_said_comes_back(full, tmp_path):
    other = made(top_k=5, history=[Message("user", "forgotten")])

    path = await full.asave_checkpoint(tmp_path)
    restored = await other.aload_checkpoint(path)

    assert state(other) == state(full)
    assert other.top_k is None
    assert (restored.parameters, restored.turns, restored.differs) == (PARAMETERS, 2, {})
    assert restored.left_out == ()
    assert restored.adjustments == (await other.agenerate("?")).adjustments


def test_the_blocking_twins_do_the_same_and_a_folder_is_made(full, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    other = made()

    path = full.save_checkpoint()
    other.load_checkpoint(str(path))

    assert path.parent == Path("checkpoints")
    assert state(other) == state(full)


def test_the_file_can_be_read_by_its_owner_and_by_people(full, tmp_path):
    path = full.save_checkpoint(tmp_path)
    text = path.read_text("utf-8")

    assert text.startswith('{\n  "format": "asyncllm-checkpoint",\n  "version": 1,\n')
    assert "«é 🎨»" in text
    assert json.loads(text)["content"]["history"][1] == {"role": "assistant", "content": "Red."}
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_each_is_a_new_file_and_the_names_sort_by_time(full, tmp_path):
    paths = [full.save_checkpoint(tmp_path) for _ in range(20)]

    assert sorted(tmp_path.iterdir()) == paths
    assert len(set(paths)) == 20


def test_two_of_one_moment_do_not_overwrite_each_other(tmp_path):
    moment = datetime.now(UTC)

    assert len({files.write(tmp_path, {"number": number}, moment) for number in range(50)}) == 50
    assert len(list(tmp_path.iterdir())) == 50


def test_another_layout_is_no_damage(full, tmp_path):
    path = full.save_checkpoint(tmp_path)
    path.write_text(json.dumps(json.loads(path.read_bytes()), sort_keys=True))

    assert full.load_checkpoint(path).turns == 2


def test_another_model_takes_up_what_it_can_and_the_report_tells_the_rest(full, tmp_path):
    rules = {
        "temperature": Native(within=(0.5, 1)),
        "seed": Unsupported("no seeds here"),
        "max_tokens": Native(),
    }
    saved = made("old", temperature=0.3, seed=7, max_tokens=5, history=SAID).save_checkpoint(tmp_path)
    other = made("new", rules=rules)

    restored = other.load_checkpoint(saved)

    assert restored.model_name == "FakeProvider:old"
    assert other.model_name == "FakeProvider:new"
    assert restored.differs["model_name"] == ("FakeProvider:old", "FakeProvider:new")
    assert restored.differs["rules"] == ([], ["max_tokens", "seed", "temperature"])
    assert [(each.verdict, each.parameter) for each in restored.adjustments] == [
        ("clamped", "temperature"),
        ("dropped", "seed"),
    ]
    assert restored.refusal is None
    assert other.parameters == {"temperature": 0.3, "seed": 7, "max_tokens": 5}
    for part in ("with 'FakeProvider:old'", "'FakeProvider:old' -> 'FakeProvider:new'", "no seeds here"):
        assert part in str(restored)


def test_the_report_tells_of_a_call_that_would_be_refused(tmp_path):
    path = made(seed=7, strict=True).save_checkpoint(tmp_path)
    other = made(rules={"seed": Unsupported("no seeds here")})

    restored = other.load_checkpoint(path)

    assert "no seeds here" in str(restored.refusal)
    assert "refused: " in str(restored)


def test_a_file_never_says_where_a_call_goes(tmp_path):
    path = Wired("m", provider=Keyed, base_url="http://elsewhere").save_checkpoint(tmp_path)
    other = Wired("m", provider=Keyed, base_url="http://here", api_key=KEY)

    restored = other.load_checkpoint(path)

    assert other._llm_model.settings["base_url"] == "http://here"
    assert restored.differs == {"settings": ({"base_url": "http://elsewhere"}, {"base_url": "http://here"})}


def test_no_key_is_in_the_file_wherever_it_stands(tmp_path, monkeypatch):
    monkeypatch.setenv("ACME_API_KEY", "from-the-environment")
    llm = Wired(
        "m",
        provider=Keyed,
        api_key=KEY,
        headers={"x-auth": "a-header's value"},
        base_url=f"http://user:{KEY}@host/v1?key=in-the-query#x",
        hook=print,
        system_prompt=f"Never tell {KEY}, from-the-environment.",
        provider_options={"openai": {"x": ["a-header's value"]}},
        history=[Message("user", f"My key is {KEY}.")],
        rules={"seed": Unsupported("because")},
    )

    path = llm.save_checkpoint(tmp_path)
    text = path.read_text()

    for secret in (KEY, "from-the-environment", "a-header's value", "in-the-query", "user"):
        assert secret not in text.replace('"role": "user"', "")
    restored = llm.load_checkpoint(path)
    assert llm.history == [Message("user", "My key is ***.")]
    assert restored.left_out == (
        "the setting api_key",
        "the setting headers",
        "the setting hook",
        "the rule for seed",
        "a key in parameters",
        "a key in history",
    )
    assert restored.differs == {}


def test_a_word_in_a_header_is_no_key(tmp_path):
    llm = Wired("m", provider=Keyed, headers={"x-by": "assistant"}, history=SAID)

    assert llm.load_checkpoint(llm.save_checkpoint(tmp_path)).left_out == ("the setting headers",)
    assert llm.history == SAID


def test_the_metrics_are_saved_and_shown_again(tmp_path):
    llm = made()
    llm.run("hello")

    restored = llm.load_checkpoint(llm.save_checkpoint(tmp_path))

    assert restored.metrics == llm.metrics()
    assert (restored.metrics.calls, restored.metrics.usage.output_tokens) == (1, 1)
    assert restored.metrics.bill == llm.metrics().bill != Metrics().bill


def test_creative_mode_goes_off_again_after_a_checkpoint(tmp_path):
    llm = made(temperature=0.1, top_k=5).toggle_creative_mode(enable=True)
    llm.top_p = 0.5
    other = made().toggle_creative_mode(enable=True)
    other.load_checkpoint(llm.save_checkpoint(tmp_path))

    assert other.creative_mode
    assert other.parameters == llm.parameters
    other.toggle_creative_mode(enable=False)
    assert other.parameters == {"temperature": 0.1, "top_k": 5, "top_p": 0.5}

    other.toggle_creative_mode(enable=True)
    other.load_checkpoint(made(seed=7).save_checkpoint(tmp_path))
    assert not other.creative_mode
    assert other.toggle_creative_mode(enable=False).parameters == {"seed": 7}


def test_a_key_that_is_one_of_our_words_damages_nothing(tmp_path):
    llm = Wired("m", provider=Keyed, api_key="user", role="user", history=[Message("user", "a user")])
    llm.load_checkpoint(llm.save_checkpoint(tmp_path))

    assert (llm.role, llm.history) == ("user", [Message("user", "a ***")])


def abandoned(folder, name, *, age):
    path = folder / name
    path.touch()
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_a_save_removes_what_killed_programs_left_and_nothing_else(tmp_path):
    name = ".checkpoint-20260101T000000.000000Z-{}.json.tmp"
    old = abandoned(tmp_path, name.format("0123abcd"), age=3700)
    kept = {
        abandoned(tmp_path, name.format("4567abcd"), age=60),
        abandoned(tmp_path, ".checkpoint-of-mine.json.tmp", age=3700),
        made().save_checkpoint(tmp_path / "another").parent,
    }
    (tmp_path / name.format("89ababcd")).mkdir()
    path = made().save_checkpoint(tmp_path)

    assert not old.exists()
    assert set(tmp_path.iterdir()) == {*kept, path, tmp_path / name.format("89ababcd")}


SPREAD = {"count": 0, "total": 0.0, "most": 0.0, "classes": []}

DAMAGES = {
    "no file": lambda path: path.unlink(),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-40]),
    "no text": lambda path: path.write_bytes(b"\xff\xfe\x00"),
    "a pickle": lambda path: path.write_bytes(b"\x80\x04cos\nsystem\n(S'false'\ntR."),
    "one value changed": lambda path: path.write_text(path.read_text().replace("0.3", "0.4")),
    "another version": lambda path: path.write_text(path.read_text().replace('"version": 1', '"version": 0')),
    "a version that is True": lambda path: path.write_text(path.read_text().replace(": 1,", ": true,", 1)),
    "no checksum": lambda path: path.write_text(path.read_text().replace("sha256", "sha")),
    "a list": lambda path: path.write_text("[]"),
    "nested deeply": lambda path: path.write_text("[" * 200_000),
    "no number": lambda path: path.write_text(path.read_text().replace("0.3", "NaN")),
    "a huge number": lambda path: path.write_text(path.read_text().replace("0.3", "1" * 5000)),
    "content of no kind": lambda path: sealed(path, json.loads(path.read_bytes()) | {"content": 1}),
    "a field missing": lambda path: sealed(path, json.loads(path.read_bytes()) | {"content": {}}),
    "an unknown parameter": lambda path: changed(path, parameters={"tempreature": 1}),
    "a parameter out of range": lambda path: changed(path, parameters={"temperature": 3}),
    "a parameter of another kind": lambda path: changed(path, parameters={"seed": "7"}),
    "contradicting parameters": lambda path: changed(path, parameters={"do_sample": True, "temperature": 0}),
    "another policy": lambda path: changed(path, policy={"seed": "hope"}),
    "a policy of no kind": lambda path: changed(path, policy=[]),
    "strict of no kind": lambda path: changed(path, strict=1),
    "a moment that is none": lambda path: changed(path, saved="yesterday"),
    "a turn of nobody": lambda path: changed(path, history=[{"role": "tool", "content": "x"}]),
    "a turn of no text": lambda path: changed(path, history=[{"role": "user", "content": None}]),
    "a turn with more": lambda path: changed(path, history=[{"role": "user", "content": "x", "y": 1}]),
    "half a character": lambda path: changed(path, history=[{"role": "user", "content": "\ud83d"}]),
    "no metrics at all": lambda path: changed(path, metrics=[]),
    "metrics of nothing": lambda path: changed(path, metrics={}),
    "fewer calls than none": lambda path: measured(path, calls=-1),
    "a call that is True": lambda path: measured(path, errors=True),
    "a bill that is none": lambda path: measured(path, bill=[{"seller": "x"}]),
    "times of nothing": lambda path: measured(path, times={**SPREAD, "count": 1}),
    "times that are none": lambda path: measured(path, times={**SPREAD, "total": "1"}),
    "times beyond all": lambda path: measured(path, times={**SPREAD, "count": 1, "classes": [[10**6, 1]]}),
    "another figure": lambda path: measured(path, happiness=1),
    "a creative mode of no kind": lambda path: changed(path, before_creative=[]),
    "a creative mode of more": lambda path: changed(path, before_creative={"seed": 1}),
    "a creative mode out of range": lambda path: changed(path, before_creative={"temperature": 3}),
    "a turn that is a text": lambda path: changed(path, history=["x"]),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_not_sound_is_refused_and_changes_nothing(damage, full, tmp_path):
    path = full.save_checkpoint(tmp_path)
    DAMAGES[damage](path)
    other = made(top_k=5, history=[Message("user", "kept")])
    before = state(other)

    with pytest.raises(CheckpointError, match="was not loaded: "):
        other.load_checkpoint(path)

    assert state(other) == before


def test_every_byte_counts(tmp_path):
    path = made(temperature=0.3, history=SAID).save_checkpoint(tmp_path)
    data = path.read_bytes()
    content = files.read(path)

    for at in range(len(data)):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        try:
            assert files.read(path) == content  # Such as another white space between two fields.
        except CheckpointError:
            continue


def test_foreign_and_newer_files_are_told_apart(tmp_path, full):
    path = full.save_checkpoint(tmp_path)
    document = json.loads(path.read_bytes())

    sealed(path, document | {"version": 2, "content": "of a kind to come"})
    with pytest.raises(CheckpointError, match="a newer asyncllm saved it, as version 2"):
        full.load_checkpoint(path)

    path.write_text('{"model": "gpt"}')
    with pytest.raises(CheckpointError, match="it is no checkpoint"):
        full.load_checkpoint(path)


def test_what_is_too_large_is_neither_written_nor_read(tmp_path, monkeypatch, full):
    path = full.save_checkpoint(tmp_path)
    monkeypatch.setattr(files, "LARGEST", 200)

    with pytest.raises(CheckpointError, match="larger than 200 bytes"):
        full.load_checkpoint(path)
    with pytest.raises(CheckpointError, match="larger than 200 bytes; clear the history"):
        full.save_checkpoint(tmp_path)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(CheckpointError, match="it is no file"):
        made().load_checkpoint(tmp_path / "pipe")


@pytest.mark.parametrize("path", ["with\0nul", "x" * 5000])
def test_a_path_that_cannot_be_is_our_error(path, tmp_path):
    with pytest.raises(CheckpointError):
        made().save_checkpoint(tmp_path / path)
    with pytest.raises(CheckpointError):
        made().load_checkpoint(tmp_path / path)


@pytest.mark.parametrize("path", [None, 3, "~nobody-of-that-name/x"])
def test_what_is_no_path_is_an_invalid_parameter(path):
    with pytest.raises(InvalidParameter, match="checkpoint_dir takes a path"):
        made().save_checkpoint(path)
    with pytest.raises(InvalidParameter, match="checkpoint_path takes a path"):
        made().load_checkpoint(path)


@pytest.mark.skipif(sys.platform != "linux", reason="names there are any bytes")
def test_names_that_are_no_text_work(tmp_path):
    llm = made("/models/\udcff\udce9.gguf", history=SAID)

    path = llm.save_checkpoint(os.fsencode(tmp_path) + b"/\xff\xe9")
    restored = llm.load_checkpoint(os.fsencode(path))

    assert restored.model_name == "FakeProvider:/models/\udcff\udce9.gguf"
    assert restored.differs == {}
    assert path.read_bytes().decode()
    assert str(restored).encode()


def test_a_folder_that_takes_no_file_is_our_error(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(CheckpointError, match=r"no checkpoint was saved in .*Not a directory"):
        made().save_checkpoint(tmp_path / "file" / "below")
    with pytest.raises(CheckpointError, match="no checkpoint was saved"):
        made().save_checkpoint(tmp_path / "file")


LIMITED = """
import os, resource, signal, sys
sys.path.insert(0, sys.argv[2])
from test_checkpoint import CheckpointError, Message, made

old = made(seed=7).save_checkpoint(sys.argv[1])
what = sys.argv[3]
if what == "full":
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
else:
    os.chown(old, 65534, 65534)
    os.chmod(sys.argv[1], 0o555)
    if os.geteuid() == 0:
        os.setuid(65534)
llm = made(history=[Message("user", "x" * 2000)])
try:
    llm.save_checkpoint(sys.argv[1])
except CheckpointError as error:
    print(type(error.__cause__).__name__, os.listdir(sys.argv[1]) == [old.name])
print(llm.load_checkpoint(old).parameters)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits as on Linux")
@pytest.mark.parametrize(("what", "cause"), [("full", "OSError"), ("read-only", "PermissionError")])
def test_a_disk_that_takes_no_more_leaves_the_old_file_and_nothing_else(what, cause):
    # Not tmp_path: who is no longer root would not even get there.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        done = subprocess.run(
            [sys.executable, "-c", LIMITED, folder, Path(__file__).parent, what],
            capture_output=True,
            text=True,
            check=False,
        )

    assert done.stdout == f"{cause} True\n{{'seed': 7}}\n", done.stderr


@pytest.mark.parametrize("fails", ["fsync", "replace"])
def test_a_save_that_fails_at_any_step_leaves_no_file(fails, full, tmp_path, monkeypatch):
    def failing(*args):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(*((os, "fsync") if fails == "fsync" else (Path, "replace")), failing)

    with pytest.raises(CheckpointError, match="Input/output error"):
        full.save_checkpoint(tmp_path)
    assert list(tmp_path.iterdir()) == []


KILLING = """
import os, random, signal, sys, time
sys.path.insert(0, sys.argv[2])
from test_checkpoint import Message, files, made

folder, dice = sys.argv[1], random.Random(7)
llm = made(temperature=0.5, history=[Message("user", "word " * 200_000)])
kills = torn = 0
until = time.monotonic() + 15
while time.monotonic() < until:
    told, telling = os.pipe()
    child = os.fork()
    if not child:
        while True:
            os.write(telling, llm.save_checkpoint(folder).name.encode() + b" ")
    os.close(telling)
    first = os.read(told, 1)  # It has begun to save.
    time.sleep(dice.uniform(0, 0.02))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(told, "rb") as pipe:
        returned = set((first + pipe.read()).decode().split())
    there = {path.name: path for path in files.Path(folder).iterdir()}
    whole = {name for name in there if name.endswith(".json")}
    assert returned <= whole, "a checkpoint that was saved is gone"
    for name in whole:
        assert len(files.read(there[name])["history"]) == 1
    kills, torn = kills + 1, torn + len(there) - len(whole)
    for path in there.values():
        path.unlink()
print(kills > 20 and torn > 0, kills, torn)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="a program for each kill would take minutes")
def test_whatever_moment_a_program_is_killed_at_each_file_is_whole(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", KILLING, tmp_path, Path(__file__).parent],
        capture_output=True,
        text=True,
        check=False,
    )

    # True: it was killed often, and while it wrote too.
    assert done.stdout.startswith("True "), done.stdout + done.stderr
