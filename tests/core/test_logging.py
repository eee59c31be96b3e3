"""The log file of an LLM: what stands in it, what does not, and that nothing else hears of it."""

import copy
import json
import logging
import os
import pickle
import subprocess
import sys
import threading
from datetime import datetime, timedelta
from pathlib import Path

import anyio
import pytest
import structlog

from asyncllm import (
    LLM,
    ConfigurationError,
    InvalidParameter,
    InvalidTask,
    Message,
    RateLimited,
    RequestRejected,
    Retry,
    TimedOut,
    Unavailable,
    UnsupportedParameter,
)
from asyncllm.provider import Delta
from asyncllm.rules import Native, Unsupported
from asyncllm.testing import FakeProvider

KEY = "sk-a-very-secret-key"
RULES = {
    "temperature": Native(within=(0, 1)),
    "seed": Unsupported("cannot be seeded"),
    "max_tokens": Native(),
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.log"


def lines(path):
    text = path.read_text()
    assert text == "" or text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def events(path):
    return [line["event"] for line in lines(path)]


def logged(path, reply="one two three", *, retry=None, rules=RULES, pause=0, **settings):
    llm = LLM(
        "m",
        provider=lambda: FakeProvider(reply=reply, rules=rules, pause=pause),
        retry=retry or Retry(attempts=2, wait_initial=0),
    )
    return llm.enable_logging(path, **settings)


def failing(*errors):
    left = list(errors)

    def reply(request):
        if left:
            raise left.pop(0)
        return "one two"

    return reply


@pytest.mark.anyio
async def test_an_answered_call_is_one_line_with_what_is_known_of_it(path):
    llm = logged(path)
    response = await llm.agenerate("a b", max_tokens=9)
    [line] = lines(path)

    stamp = datetime.fromisoformat(line.pop("timestamp"))
    assert stamp.utcoffset() == timedelta(0)
    assert len(line.pop("llm")) == 8
    assert len(line.pop("call")) == 12
    assert line == {
        "level": "info",
        "event": "call_answered",
        "provider": "FakeProvider",
        "model": "m",
        "streamed": False,
        "seconds": response.timing.total,
        "parameters": {"max_tokens": 9},
        "input_tokens": 2,
        "output_tokens": 3,
        "cached_tokens": 0,
        "cache_write_tokens": 0,
        "reasoning_tokens": 0,
        "first_token": response.timing.first_token,
        "attempts": 1,
        "finish_reason": "stop",
        "answers": 1,
        "answered_by": "m",
        "request_id": "fake",
        "adjustments": [],
    }


@pytest.mark.anyio
async def test_a_failure_is_a_line_and_so_is_each_retry_before_it(path):
    errors = [RateLimited("busy", status=429, retry_after=0.0), Unavailable("down", status=503)]
    with pytest.raises(Unavailable):
        await logged(path, failing(*errors)).arun("x")
    retry, failed = lines(path)

    assert (retry["event"], retry["level"], retry["attempt"]) == ("retry", "warning", 1)
    assert (retry["error"], retry["message"], retry["status"]) == ("RateLimited", "busy", 429)
    assert (failed["event"], failed["level"]) == ("call_failed", "error")
    assert (failed["error"], failed["message"], failed["status"]) == ("Unavailable", "down", 503)
    assert retry["call"] == failed["call"]
    assert failed["seconds"] > 0


@pytest.mark.anyio
async def test_a_call_that_is_refused_before_it_is_sent_is_told_of_too(path):
    llm = logged(path)
    with pytest.raises(InvalidTask):
        await llm.arun("")
    with pytest.raises(InvalidParameter):
        await llm.arun("x", temperature=-1)
    with pytest.raises(UnsupportedParameter):
        await (
            LLM("m", provider=lambda: FakeProvider(rules=RULES), strict=True)
            .enable_logging(path)
            .arun("x", seed=7)
        )

    assert [line["error"] for line in lines(path)] == [
        "InvalidTask",
        "InvalidParameter",
        "UnsupportedParameter",
    ]
    assert llm.metrics().errors == 0


@pytest.mark.anyio
async def test_a_cancelled_call_a_left_stream_and_a_late_one_are_told_apart(path):
    slow = logged(path, pause=60)
    with anyio.move_on_after(0.05):
        await slow.arun("x")
    with anyio.move_on_after(0.05):
        async with slow.astream("x") as stream:
            await anext(stream)
    with pytest.raises(TimedOut):
        await slow.agenerate("x", timeout=0.01)
    quick = logged(path)
    async with quick.astream("x") as stream:
        await anext(stream)
    with pytest.raises(KeyError):
        async with quick.astream("x") as stream:
            await anext(stream)
            raise KeyError
    with anyio.CancelScope() as scope:
        async with quick.astream("x") as stream:
            await anext(stream)
            scope.cancel()
            await anyio.lowlevel.checkpoint()

    assert events(path) == [
        "call_cancelled",
        "call_cancelled",
        "retry",
        "call_failed",
        "stream_left",
        "stream_left",
        "call_cancelled",
    ] or events(path) == [
        "call_cancelled",
        "call_cancelled",
        "call_failed",
        "stream_left",
        "stream_left",
        "call_cancelled",
    ]
    assert quick.metrics().cancelled == 3
    assert slow.metrics().cancelled == 2


@pytest.mark.anyio
async def test_a_stream_that_breaks_is_a_failure_with_the_error_that_broke_it(path):
    class Breaking(FakeProvider):
        async def _deltas(self, request):
            yield Delta(text="one")
            raise Unavailable("the line went dead")

    llm = LLM("m", provider=lambda: Breaking()).enable_logging(path)
    with pytest.raises(Unavailable):
        async with llm.astream("x") as stream:
            async for _ in stream:
                pass
    [line] = lines(path)

    assert (line["event"], line["error"], line["message"]) == (
        "call_failed",
        "Unavailable",
        "the line went dead",
    )
    assert (line["finish_reason"], line["streamed"]) == ("error", True)
    assert (llm.metrics().errors, llm.metrics().calls) == (1, 0)


@pytest.mark.anyio
async def test_a_stream_that_nobody_closes_is_told_of_as_well(path):
    llm = logged(path)
    opened = llm.astream("x")
    await anext(await opened.__aenter__())
    await opened.gen.aclose()  # What the event loop does with a generator that was dropped.

    assert events(path) == ["stream_left"]


@pytest.mark.anyio
async def test_a_stream_that_was_taken_whole_is_answered(path):
    async with logged(path).astream("x") as stream:
        assert [piece async for piece in stream]
    [line] = lines(path)

    assert (line["event"], line["streamed"], line["output_tokens"]) == ("call_answered", True, 3)
    assert line["first_token"] > 0


def test_adjustments_are_lines_once_and_stand_with_every_answer(path):
    llm = logged(path)
    llm.run("x", temperature=2)
    llm.run("x", temperature=2)
    adjusted, first, second = lines(path)

    assert (adjusted["event"], adjusted["level"]) == ("parameter_adjusted", "warning")
    assert (adjusted["parameter"], adjusted["verdict"]) == ("temperature", "clamped")
    change = {"parameter": "temperature", "verdict": "clamped", "reason": "accepts 0 to 1"}
    assert first["adjustments"] == second["adjustments"] == [change]


def test_the_level_says_how_much_is_written(path, tmp_path):
    llm = logged(path, level="warning")
    llm.run("x", seed=1)
    llm.log_event("noted")
    llm.log_event("careful", level="warning")
    assert events(path) == ["parameter_adjusted", "careful"]

    every = tmp_path / "every.log"
    logged(every, level="debug").run("x")
    assert events(every) == ["call_began", "call_answered"]


def test_log_event_writes_a_line_of_ones_own_and_takes_no_field_for_its_own(path):
    llm = logged(path)
    llm.log_event(
        "100% done %s", epoch=3, loss=0.25, where=Path("a"), event="x", self="y", model="z", odd={1}
    )
    [line] = lines(path)

    assert (line["event"], line["level"], line["provider"], line["model"]) == (
        "100% done %s",
        "info",
        "FakeProvider",
        "m",
    )
    assert (line["epoch"], line["loss"], line["where"], line["odd"]) == (3, 0.25, "a", [1])
    assert (line["event_"], line["self_"], line["model_"]) == ("x", "y", "z")


@pytest.mark.parametrize("message", [None, 7, b"x", ["x"]])
def test_a_message_is_a_text(path, message):
    llm = logged(path)
    with pytest.raises(InvalidParameter, match="message takes a text"):
        llm.log_event(message)
    llm.log_event(message="by its name")

    assert events(path) == ["by its name"]


def test_what_json_cannot_say_is_said_as_a_text(path):
    loop = []
    loop.append(loop)

    class Mute:
        def __str__(self):
            raise OSError

    logged(path).log_event("odd", nan=float("nan"), huge=10**400, loop=loop, mute=Mute(), keys={(1, 2): b"x"})
    [line] = lines(path)

    assert (line["nan"], line["mute"], line["keys"]) == ("nan", "<Mute: OSError>", {"(1, 2)": "b'x'"})


def test_without_a_file_log_event_goes_where_the_librarys_lines_go(caplog):
    caplog.set_level(logging.DEBUG, logger="asyncllm")
    llm = LLM("m", provider=FakeProvider)
    llm.log_event("noted", epoch=3, event="x")
    llm.log_event("wrong", level="error")

    assert [(each.name, each.levelname, each.getMessage()) for each in caplog.records] == [
        ("asyncllm", "INFO", "noted epoch=3 event_='x'"),
        ("asyncllm", "ERROR", "wrong"),
    ]


def test_a_structlog_that_the_application_configured_hears_of_events_and_not_of_the_file(path):
    structlog.configure()
    try:
        with structlog.testing.capture_logs() as captured:
            LLM("m", provider=FakeProvider).log_event("noted", epoch=3, self=1, method_name=2, args=3)
            before = structlog.get_config()
            logged(path).run("x")
            assert structlog.get_config() == before
    finally:
        structlog.reset_defaults()

    assert captured == [
        {"event": "noted", "epoch": 3, "self_": 1, "method_name_": 2, "args": 3, "log_level": "info"}
    ]
    assert events(path) == ["call_answered"]


def test_logging_twice_writes_once_and_disabling_ends_it(path, tmp_path):
    llm = logged(path)
    assert llm.enable_logging(path) is llm
    llm.run("x")
    assert events(path) == ["call_answered"]

    assert llm.disable_logging() is llm
    llm.disable_logging().run("x")
    assert events(path) == ["call_answered"]

    llm.enable_logging(tmp_path / "other.log").run("x")
    assert events(tmp_path / "other.log") == ["call_answered"]
    assert events(path) == ["call_answered"]


def test_no_other_logger_and_no_configuration_is_touched(path, capfd):
    root, own = logging.getLogger(), logging.getLogger("asyncllm")
    before = [(each.level, list(each.handlers), each.disabled) for each in (root, own)]
    names = set(logging.Logger.manager.loggerDict)
    llm = logged(path)
    llm.run("x", seed=1)
    llm.log_event("noted")

    assert [(each.level, list(each.handlers), each.disabled) for each in (root, own)] == before
    assert set(logging.Logger.manager.loggerDict) == names
    assert not structlog.is_configured()
    assert capfd.readouterr() == ("", "")


def test_a_program_that_logs_prints_nothing(path):
    code = f"""
from asyncllm import LLM
from asyncllm.testing import FakeProvider
llm = LLM("m", provider=lambda: FakeProvider(rules={{}})).enable_logging({str(path)!r}, level="debug")
llm.run("x", seed=1)
llm.log_event("noted")
llm.disable_logging()
llm.log_event("noted elsewhere", level="critical")
try:
    llm.run("")
except ValueError:
    pass
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )

    assert (done.stdout, done.stderr) == ("", "")
    assert events(path) == ["call_began", "parameter_adjusted", "call_answered", "noted"]


def test_several_llms_and_threads_share_a_file_in_whole_lines(path):
    llms = [logged(path, "word " * 40, log_content=True) for _ in range(2)]

    def work(number):
        for turn in range(40):
            llms[number % 2].log_event("turn", thread=number, turn=turn, filler="x" * 20_000)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    llms[0].batch_run(["x"] * 20)
    for thread in threads:
        thread.join()

    turns = [(line["thread"], line["turn"]) for line in lines(path) if line["event"] == "turn"]
    assert sorted(turns) == [(number, turn) for number in range(6) for turn in range(40)]
    assert events(path).count("call_answered") == 20
    assert len({line["llm"] for line in lines(path)}) == 2


def test_several_processes_may_add_to_a_file_that_does_not_rotate(path):
    code = f"""
from asyncllm import LLM
from asyncllm.testing import FakeProvider
llm = LLM("m", provider=FakeProvider).enable_logging({str(path)!r})
for turn in range(200):
    llm.log_event("turn", turn=turn, filler="x" * 9000)
"""
    running = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    assert [each.wait() for each in running] == [0, 0]

    assert sorted(line["turn"] for line in lines(path)) == sorted([*range(200), *range(200)])


def test_a_file_that_is_full_is_moved_away_and_the_oldest_goes(path, tmp_path):
    llm = logged(path, max_bytes=2000, backups=2)
    for number in range(50):
        llm.log_event("noted", number=number)

    found = sorted(each.name for each in tmp_path.iterdir())
    assert found == ["model.log", "model.log.1", "model.log.2"]
    assert all(each.stat().st_size <= 2000 for each in tmp_path.iterdir())
    kept = [line["number"] for name in reversed(found) for line in lines(tmp_path / name)]
    assert kept == list(range(50 - len(kept), 50))


def test_an_llm_keeps_its_id_however_often_its_log_is_enabled(path, tmp_path):
    llm = logged(path)
    llm.log_event("first")
    llm.enable_logging(path).log_event("again")
    copy.copy(llm).enable_logging(path).log_event("a copy")
    logged(path).log_event("another")
    ids = [line["llm"] for line in lines(path)]

    assert len(set(ids[:3])) == 1
    assert ids[3] != ids[0]


def test_the_only_user_of_a_file_may_have_it_rotate_otherwise(path):
    llm = logged(path)
    llm.log_event("before")
    llm.enable_logging(path, max_bytes=2000).log_event("after")
    twin = copy.copy(llm)
    with pytest.raises(ConfigurationError, match="max_bytes=2000"):
        llm.enable_logging(path)
    llm.log_event("goes on")
    twin.log_event("so does the copy")

    assert events(path) == ["before", "after", "goes on", "so does the copy"]


def test_two_llms_agree_on_how_their_file_rotates(path):
    first = logged(path, max_bytes=2000)
    with pytest.raises(ConfigurationError, match="max_bytes=2000"):
        logged(path)
    logged(path, max_bytes=2000).log_event("shared")
    first.disable_logging()
    del first

    logged(path).log_event("grows")
    assert events(path) == ["shared", "grows"]


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be moved there")
def test_a_file_that_another_program_moves_away_is_begun_anew(path, tmp_path):
    llm = logged(path)
    llm.log_event("before")
    path.rename(tmp_path / "moved.log")
    llm.log_event("after")

    assert (events(tmp_path / "moved.log"), events(path)) == (["before"], ["after"])


def test_folders_are_made_and_a_home_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    logged("~/a/b/model.log").log_event("noted")

    assert events(tmp_path / "a" / "b" / "model.log") == ["noted"]


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"log_file": ""}, InvalidParameter),
        ({"log_file": 7}, InvalidParameter),
        ({"level": "loud"}, InvalidParameter),
        ({"log_content": "yes"}, InvalidParameter),
        ({"max_bytes": 0}, InvalidParameter),
        ({"max_bytes": 10.5}, InvalidParameter),
        ({"backups": 0}, InvalidParameter),
        ({"log_file": "."}, ConfigurationError),
        ({"log_file": __file__ + "/model.log"}, ConfigurationError),
        ({"log_file": "a\0b"}, ConfigurationError),
    ],
)
def test_what_cannot_work_is_an_error_at_once_and_changes_nothing(path, given, error):
    llm = logged(path)
    with pytest.raises(error):
        llm.enable_logging(**given)

    llm.log_event("goes on")
    assert events(path) == ["goes on"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no disk that is always full")
def test_a_full_disk_fails_no_call_and_is_told_of_once(caplog, capfd):
    llm = logged("/dev/full")
    assert [llm.run("x"), llm.run("x")] == ["one two three"] * 2
    llm.log_event("noted")
    llm.disable_logging()

    [record] = [each for each in caplog.records if "log_file_failed" in each.getMessage()]
    assert "No space left" in record.getMessage()
    assert capfd.readouterr() == ("", "")


@pytest.mark.anyio
async def test_prompts_and_answers_are_written_only_when_asked_for(path, tmp_path):
    told = RequestRejected("not 'my secret\\ntask' nor my secret role: \"my secret\\ntask\"")
    llm = logged(path, failing(told), rules={**RULES, "system_prompt": Native()}, level="debug")
    given = {"system_prompt": "my secret role", "stop_token": "secret"}
    with pytest.raises(RequestRejected):
        await llm.agenerate("my secret\ntask", **given)
    await llm.agenerate("my secret\ntask", **given)
    async with llm.astream([Message("user", "my secret\ntask")], **given) as stream:
        await anext(stream)
    assert len(lines(path)) >= 6
    assert "secret" not in path.read_text()
    assert "one" not in path.read_text().replace('"None"', "").replace("reas", "")

    every = tmp_path / "every.log"
    await logged(every, log_content=True).agenerate("my secret task", max_tokens=9)
    [line] = lines(every)
    assert line["messages"] == [{"role": "user", "content": "my secret task"}]
    assert line["texts"] == ["one two three"]


class Keyed(FakeProvider):
    secret_settings = frozenset({"api_key", "headers"})

    def __init__(self, *, api_key=None, headers=None, reply="ok"):
        super().__init__(reply=reply)
        self.headers = headers or {}
        self._key = None

    async def aopen(self):
        self._key = "token-that-was-fetched"

    def secrets(self):
        return [each for each in (self._key, *self.headers.values()) if each]


@pytest.mark.anyio
async def test_no_key_is_in_any_line(path, monkeypatch):
    monkeypatch.setenv("SOME_API_KEY", "key-in-the-environment")
    secrets = [KEY, "header-with-a-secret", "key-in-the-environment", "token-that-was-fetched"]
    told = " ".join(secrets)

    def reply(request):
        if "fail" in request.messages[-1].text:
            raise RequestRejected(f"the server said {told}", code=KEY, request_id=KEY)
        return told

    llm = LLM("m", provider=Keyed, api_key=KEY, headers={"x-key": "header-with-a-secret"}, reply=reply)
    llm.enable_logging(path, level="debug", log_content=True)
    with pytest.raises(RequestRejected):
        await llm.arun("fail " + told)
    await llm.arun(told)
    async with llm.astream(told, system_prompt=told) as stream:
        await anext(stream)
    llm.log_event(
        told,
        headers={"authorization": f"Bearer {KEY}", KEY: 1},
        error=ValueError(told),
        deep=[{"a": (told,)}],
    )
    llm.set_model_name("FakeProvider:n", api_key="another-secret-key", reply="ok")
    llm.log_event("what was a key stays one", key=told)

    text = path.read_text()
    assert len(lines(path)) == 8
    assert not [secret for secret in secrets if secret in text]
    assert "***" in text


def test_a_key_that_the_llm_or_a_copy_had_once_stays_one(path, tmp_path):
    llm = LLM("openai:gpt-4.1", api_key=KEY).enable_logging(path)
    llm.set_model_name("anthropic:claude-sonnet-4-6", api_key="another-secret-key").log_event(KEY)
    copy.copy(llm).set_model_name("openai:gpt-5.2", api_key="of-the-copy").log_event(KEY)
    llm.enable_logging(tmp_path / "other.log").log_event(f"{KEY} of-the-copy")
    llm.history = [Message("user", f"My key is {KEY}.")]
    saved = llm.save_checkpoint(tmp_path / "checkpoints")

    assert events(path) == ["***", "***"]
    assert events(tmp_path / "other.log") == ["*** ***"]
    assert "My key is ***." in saved.read_text()
    assert KEY not in saved.read_text()
    llm.history = []
    assert KEY.encode() not in pickle.dumps(llm)


def test_a_key_that_is_a_word_breaks_no_line_and_no_checkpoint(path, tmp_path):
    llm = LLM("m", provider=Keyed, api_key="assistant", headers={"x-by": "seconds", "x-a": "message"})
    llm.enable_logging(path, log_content=True)
    llm.history = [Message("user", "x"), Message("assistant", "your assistant")]
    llm.run(llm.history)
    restored = llm.load_checkpoint(llm.save_checkpoint(tmp_path))

    assert [each.role for each in llm.history] == ["user", "assistant"]
    assert restored.turns == 2
    assert {"seconds", "messages"} <= lines(path)[0].keys()
    assert lines(path)[0]["messages"][1]["content"] == "your ***"


@pytest.mark.parametrize("name", ["SOME_API_KEY", "GITHUB_TOKEN", "db_password", "CLIENT_SECRET"])
def test_what_the_environment_calls_a_key_is_one(path, monkeypatch, name):
    monkeypatch.setenv(name, "0a1b2c")
    monkeypatch.setenv("A_" + name, "true")
    logged(path).log_event("it is true: 0a1b2c")

    assert events(path) == ["it is true: ***"]


def test_a_prompt_with_a_key_in_it_is_no_less_a_prompt(path, monkeypatch):
    monkeypatch.setenv("SOME_API_KEY", KEY)
    prompt = f"keep {KEY} to yourself"
    with pytest.raises(RequestRejected):
        logged(path, failing(RequestRejected(f"refused: {prompt}"))).run(prompt)

    assert lines(path)[-1]["message"] == "refused: …"


def test_no_key_is_in_an_event_without_a_file(caplog):
    caplog.set_level(logging.DEBUG, logger="asyncllm")
    LLM("m", provider=Keyed, api_key=KEY).log_event(f"with {KEY}", headers={"x": KEY})

    assert "***" in caplog.text
    assert KEY not in caplog.text


def test_a_copy_goes_on_with_the_file_and_a_pickle_has_none(path):
    llm = LLM("m", provider=FakeProvider).enable_logging(path)
    copy.copy(llm).log_event("a copy")
    copy.deepcopy(llm).log_event("a deep one")
    copy.copy(llm).disable_logging().log_event("elsewhere")
    travelled = pickle.loads(pickle.dumps(llm))
    travelled.log_event("another process")
    llm.log_event("the first")

    assert str(path).encode() not in pickle.dumps(llm)
    assert events(path) == ["a copy", "a deep one", "the first"]
    assert travelled.run("x") == "ok"


def test_a_checkpoint_knows_nothing_of_the_file(path, tmp_path):
    llm = logged(path)
    saved = llm.save_checkpoint(tmp_path / "checkpoints")
    assert str(path) not in saved.read_text()

    llm.load_checkpoint(saved)
    llm.run("x")
    assert events(path) == ["call_answered"]


def test_the_file_closes_with_the_last_who_uses_it(path):
    llm = logged(path)
    twin = copy.copy(llm)
    llm.disable_logging()
    twin.log_event("noted")
    twin.disable_logging()

    if Path("/proc/self/fd").exists():
        assert str(path) not in {os.path.realpath(each) for each in Path("/proc/self/fd").iterdir()}


class Own(LLM):
    """Answers by itself, and has no use for our __init__."""

    def __init__(self):
        self.greeting = "hello"

    def run(self, task, **params):
        self.log_event("asked", greeting=self.greeting)
        return self.greeting


def test_a_class_that_answers_by_itself_logs_what_it_likes(path, caplog):
    caplog.set_level(logging.INFO, logger="asyncllm")
    own = Own()
    assert own.run("x") == "hello"
    assert "asked greeting='hello'" in caplog.text

    assert own.enable_logging(path).run("x") == "hello"
    own.run("x")
    own.disable_logging().run("x")
    assert [(line["event"], line["greeting"]) for line in lines(path)] == [("asked", "hello")] * 2
    assert len({line["llm"] for line in lines(path)}) == 1
    assert "model" not in lines(path)[0]


def test_concurrent_calls_in_several_loops_keep_their_lines_apart(path):
    llm = logged(path, failing(*[Unavailable("down")] * 8), retry=Retry(attempts=9, wait_initial=0))
    threads = [threading.Thread(target=llm.batch_run, args=(["x"] * 5,)) for _ in range(2)]
    threads += [threading.Thread(target=anyio.run, args=(llm.abatch_run, ["x"] * 5)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    attempts = {}
    for line in lines(path):
        if line["event"] == "call_answered":
            attempts[line["call"]] = line["attempts"] - 1
    assert len(attempts) == 20
    told = [line["call"] for line in lines(path) if line["event"] == "retry"]
    assert {call: told.count(call) for call in attempts} == attempts
    assert sum(attempts.values()) == llm.metrics().retries
