"""A conversation: from a pipe, and on a real terminal."""

import json
import os
import re
import signal
import sys

import pexpect
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from asyncllm import LLM, Message
from asyncllm._vocabulary import PARAMETERS
from asyncllm.cli._commands import COMMANDS, usage
from asyncllm.cli._control_characters import harmless
from asyncllm.cli._lines import plain, unfinished
from asyncllm.cli._wrapped import Wrapped
from asyncllm.testing import FakeProvider, ScriptedServer, openai_error, openai_stream

PROMPT = "say something, or /help"
"""What an empty prompt shows."""


@pytest.fixture
def chat(echo, invoke, tmp_path, monkeypatch):
    """Say lines from a pipe to a model that says them again."""
    monkeypatch.chdir(tmp_path)
    return lambda *lines, options=(): invoke(
        "chat", "-m", "echo-1", *options, input="".join(line + "\n" for line in lines)
    )


@pytest.fixture
def server():
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def environment(tmp_path):
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    unwanted = {"NO_COLOR", "FORCE_COLOR", "ASYNCLLM_MODEL", "ASYNCLLM_DEBUG"}
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    # Nobody answers here where the cursor is.
    return {**kept, "PYTHONPATH": path, "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1", "PYTHONUTF8": "1"}


@pytest.fixture
def terminal(environment):
    """Start a conversation on a terminal, and wait for its prompt."""
    running = []

    def terminal(*options):
        child = pexpect.spawn(
            sys.executable,
            ["-m", "asyncllm", "chat", *options],
            env=environment,
            encoding="utf-8",
            dimensions=(40, 100),
            timeout=60,
        )
        running.append(child)
        child.expect_exact(PROMPT)
        return child

    yield terminal
    for child in running:
        child.close(force=True)


def to(server):
    return (
        "-m",
        "openai:gpt-4.1",
        "--setting",
        f"base_url={server.url}/v1",
        "--setting",
        "api_key=sk-0123456789ab",
    )


def asked(server):
    return [
        [(message["role"], message["content"]) for message in request.body["messages"]]
        for request in server.requests
    ]


def said(child):
    """Return what the terminal shows up to the next prompt, without colours and moves of the cursor."""
    child.expect_exact(PROMPT)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", child.before).replace("\r", "")


def ended(child):
    child.expect(pexpect.EOF)
    child.close()
    return child.exitstatus


# From a pipe.


def test_each_line_is_answered_and_nothing_else_is_on_stdout(chat):
    result = chat("Hello there", "", "Again")

    assert (result.stdout, result.stderr, result.exit_code) == ("Hello there\nAgain\n", "", 0)


def test_what_was_said_goes_along(server, invoke):
    for answer in ("Hello Ada.", "Ada."):
        server.reply(openai_stream(answer))
    result = invoke("chat", *to(server), input="I am Ada.\nWho am I?\n")

    assert result.stdout == "Hello Ada.\nAda.\n"
    assert asked(server)[1] == [("user", "I am Ada."), ("assistant", "Hello Ada."), ("user", "Who am I?")]


def test_a_last_line_without_an_end_is_one(echo, invoke):
    assert invoke("chat", "-m", "echo-1", input="hi").stdout == "hi\n"


def test_nothing_at_all_ends_well(chat):
    assert (chat().output, chat().exit_code) == ("", 0)


@pytest.mark.usefixtures("echo")
def test_lines_come_from_a_file_too(start, tmp_path):
    (tmp_path / "lines").write_text("one\ntwo\n")
    with (tmp_path / "lines").open() as lines:
        process = start("chat", "-m", "echo-1", stdin=lines)
        assert process.communicate(timeout=60) == ("one\ntwo\n", "")

    assert process.returncode == 0


@pytest.mark.usefixtures("echo")
def test_each_line_of_a_pipe_is_answered_before_the_next_is_there_and_ctrl_c_ends_it(start):
    process = start("chat", "-m", "echo-1")
    process.stdin.write("early\n")
    process.stdin.flush()
    assert process.stdout.readline() == "early\n"

    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert process.stderr.read() == ""


@pytest.mark.usefixtures("echo")
def test_a_reader_that_goes_away_ends_it_quietly(start):
    process = start("chat", "-m", "echo-endless")
    process.stdin.write("hi\n")
    process.stdin.flush()
    process.stdout.read(100)

    process.stdout.close()
    assert (process.stderr.read(), process.wait(timeout=60)) == ("", 141)


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("one", "one"),
        ("one\\\ntwo", "one\ntwo"),
        ('"""one\n\n"two"\n"""', 'one\n\n"two"'),
        ('"""one"""', "one"),
        ("a \\ b", "a \\ b"),
        ("never closed\\", "never closed"),
    ],
)
def test_several_lines_are_one_task_where_a_sign_says_so(chat, typed, text):
    assert chat(typed).stdout == text + "\n"
    assert plain(typed) == text


@pytest.mark.parametrize("begun", ["one\\", '"""', '"""one', '"""one\n""', "one\\\ntwo\\"])
def test_what_goes_on_is_not_finished(begun):
    assert unfinished(begun)


def test_what_is_no_text_is_refused_and_the_next_line_answered(echo, invoke):
    result = invoke("chat", "-m", "echo-1", input=b"\xff\xfe\nhello\n")

    assert (result.stdout, result.exit_code) == ("hello\n", 0)
    assert result.stderr.startswith("error: a message holds half of a character")


def test_what_is_used_is_shown(chat):
    assert "process memory" in chat("/resources").stderr


@pytest.mark.usefixtures("echo")
@pytest.mark.parametrize(
    ("model", "lines", "code"),
    [
        ("echo-1", "hi", 0),
        ("echo-down", "hi", 4),
        ("echo-refused", "hi", 3),
        ("echo-refused", "hi\n/stats", 3),
        ("echo-refused", "hi\n/model echo-1\nhi", 0),
        ("echo-1", "hi\n/set temperature 7", 2),
        ("echo-1", "/no\nhi", 0),
        ("echo-bug", "hi", 1),
    ],
)
def test_the_exit_code_tells_what_failed_after_the_last_answer(invoke, model, lines, code):
    result = invoke("chat", "-m", model, input=lines)

    assert result.exit_code == code
    assert len(result.stderr.splitlines()) <= 10


def test_a_bug_shows_no_key(echo, invoke):
    result = invoke("chat", "-m", "echo-bug", "--setting", "api_key=sk-setting-0123456789", input="hi")

    assert "*** and" in result.stderr
    assert "sk-setting" not in result.output


def test_what_cannot_work_from_the_start_says_so_at_once(invoke):
    result = invoke("chat", "-m", "nobody:x", input="hi")

    assert (result.stdout, result.exit_code) == ("", 2)
    assert result.stderr.startswith("error: ")


def test_a_change_is_noted_once(chat):
    result = chat("one", "two", "/set seed 8", "three", options=["--seed", "7"])

    notes = [line for line in result.stderr.splitlines() if line.startswith("note:")]
    assert notes == [f"note: dropped seed ({seed}): echoes are always the same" for seed in (7, 8)]


# What can be told to the program.


def test_the_help_lists_every_command(chat):
    help_text = chat("/help").stderr

    for name, command in COMMANDS.items():
        assert re.search(
            rf"^{re.escape(usage(name))} +{re.escape(command.meaning)}$", help_text, re.MULTILINE
        )
    assert "Ctrl-C" not in help_text


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        ("/hlep", "did you mean /help?"),
        ("/seed 7", "did you mean"),
        ("/xyzzy", "/help lists them all"),
        ("/", "/help lists them all"),
        ("/undo it", "/undo takes nothing"),
        ("/set", "/set takes PARAMETER VALUE"),
        ("/load", "/load takes FILE"),
        ("/set model_name x", "/model NAME asks another model"),
        ("/set temperature", "temperature takes a number from 0 to 2"),
        ("/set temperature hot", "temperature takes a number from 0 to 2; got 'hot'"),
        ("/set temprature 1", "did you mean 'temperature'?"),
        ("/unset temprature", "did you mean 'temperature'?"),
        ("/creative maybe", "creative mode is on or off; got 'maybe'"),
        ("/model nobody:x", "nobody"),
        ("/load nowhere.json", "nowhere.json"),
        ("/save /dev/null/nowhere", "no checkpoint was saved"),
        ("/undo", "nothing was said yet"),
        ("/retry", "nothing was said yet"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_line_and_the_conversation_goes_on(chat, line, advice):
    result = chat(line, "hello")

    assert (result.stdout, result.exit_code) == ("hello\n", 0)
    assert result.stderr.startswith("error: ")
    assert advice in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_blank_before_a_slash_says_it_to_the_model(chat):
    assert chat(" /help").stdout == " /help\n"


def test_another_model_takes_over(chat):
    result = chat("/model", "/model echo-options", "/set max_tokens 5", "hi")

    assert result.stderr.splitlines()[:2] == ["echo:echo-1", "echo:echo-options"]
    assert result.stdout == "{'max_tokens': 5}\n"


@pytest.mark.parametrize("spelling", ["max_tokens", "max-tokens"])
def test_a_parameter_is_set_and_unset(chat, spelling):
    result = chat(f"/set {spelling} 5", "hi", f"/unset {spelling}", "hi", options=["-m", "echo-options"])

    assert result.stdout == "{'max_tokens': 5}\n{}\n"
    assert re.search(r"max_tokens +5  native\n", result.stderr)
    assert "max_tokens is not set\n" in result.stderr


def test_what_becomes_of_the_parameters_is_shown(chat):
    nothing, some = chat("/params"), chat("/params", options=["--temperature", "1.5", "--seed", "7"])

    assert nothing.stderr == "nothing is set: the model answers as it does by itself\n"
    assert re.search(r"^temperature +1.5 -> 1(\.0)?  clamped", some.stderr, re.MULTILINE)
    assert re.search(r"^seed +7  dropped: echoes are always the same$", some.stderr, re.MULTILINE)


def test_strict_refuses_and_the_parameters_say_so(chat):
    result = chat("/params", "hi", options=["--seed", "7", "--strict"])

    assert (result.stdout, result.exit_code) == ("", 2)
    assert "refused: " in result.stderr


def test_the_system_prompt_is_set_and_shown(server, invoke):
    server.reply(openai_stream("Arr."))
    result = invoke("chat", *to(server), input="/system\n/system You are a pirate.\nhi\n")

    assert result.stderr.splitlines()[0] == "system_prompt is not set"
    assert "'You are a pirate.'" in result.stderr
    assert asked(server)[0][0][1] == "You are a pirate."


def test_creative_mode_comes_and_goes(chat):
    result = chat("/creative on", "hi", "/creative off", "hi", options=["-m", "echo-options"])

    assert "'temperature': 1" in result.stdout.splitlines()[0]
    assert "temperature" not in result.stdout.splitlines()[1]


def test_the_history_is_shown_taken_back_and_forgotten(chat):
    result = chat("one", "two", "/undo", "/history", "/clear", "/history")

    assert result.stderr.splitlines() == [
        "taken back: two",
        "user         one",
        "assistant    one",
        "what was said is forgotten",
    ]


def test_another_answer_takes_the_place_of_the_last(server, invoke):
    for answer in ("a", "b", "c", "d"):
        server.reply(openai_stream(answer))
    result = invoke("chat", *to(server), input="one\ntwo\n/retry\n/history\nthree\n")

    assert result.stdout == "a\nb\nc\nd\n"
    assert asked(server)[2] == asked(server)[1]
    assert [text for _, text in asked(server)[3]] == ["one", "a", "two", "c", "three"]


def test_what_failed_is_kept_to_be_asked_again(server, invoke):
    server.reply(openai_stream("a"))
    server.reply(openai_error(400, "bad_request"))
    server.reply(openai_error(400, "bad_request"))
    server.reply(openai_stream("b"))
    result = invoke("chat", *to(server), input="one\ntwo\n/retry\n/retry\n/history\n")

    assert (result.stdout, result.exit_code) == ("a\nb\n", 0)
    assert asked(server)[3] == [("user", "one"), ("assistant", "a"), ("user", "two")]
    assert [line.split()[-1] for line in result.stderr.splitlines()[-4:]] == ["one", "a", "two", "b"]


def test_where_another_answer_fails_the_first_one_stays(server, invoke):
    server.reply(openai_stream("a"))
    server.reply(openai_error(400, "bad_request"))
    server.reply(openai_stream("b"))
    result = invoke("chat", *to(server), input="one\n/retry\n/history\n/retry\n/history\n")

    assert [line.split()[-1] for line in result.stderr.splitlines()[1:]] == ["one", "a", "one", "b"]


def history_of(result):
    return [
        tuple(line.split(maxsplit=1)) for line in result.stderr.splitlines() if line[:4] in {"user", "assi"}
    ]


def test_what_failed_is_what_is_taken_back_first(server, invoke):
    server.reply(openai_stream("a"))
    server.reply(openai_error(400, "bad_request"))
    result = invoke("chat", *to(server), input="one\ntwo\n/undo\n/history\n/undo\n/undo\n")

    assert "taken back: two" in result.stderr
    assert history_of(result) == [("user", "one"), ("assistant", "a")]
    assert result.stderr.splitlines()[-2:] == ["taken back: one", "error: nothing was said yet"]


def test_an_exchange_is_taken_back_whole_whatever_its_role_was(chat):
    lines = ("one", "/set role assistant", "two ", "three ", "/undo", "/retry", "/history")
    result = chat(*lines)

    assert "taken back: three" in result.stderr
    assert result.stdout == "one\ntwo \nthree \ntwo \n"
    assert history_of(result) == [("user", "one"), ("assistant", "one"), ("assistant", "two two ")]


@pytest.mark.parametrize(
    ("roles", "kept"),
    [
        (("system", "user", "assistant"), 1),
        (("user", "assistant", "user", "assistant"), 2),
        (("user", "assistant", "assistant"), 2),
        (("user", "assistant", "user"), 2),
        (("user", "user", "assistant"), 1),
        (("assistant",), 0),
    ],
)
def test_exchanges_that_were_loaded_are_taken_back_one_by_one(chat, tmp_path, roles, kept):
    llm = LLM("m", provider=FakeProvider)
    llm.history = [Message(role, f"text {number}") for number, role in enumerate(roles)]
    file = llm.save_checkpoint(tmp_path)
    result = chat(f"/load {file}", "/undo", "/save left.json")

    assert f"taken back: text {kept}" in result.stderr
    left = json.loads((tmp_path / "left.json").read_text())
    assert [turn["role"] for turn in left["content"]["history"]] == list(roles[:kept])


def test_an_empty_answer_is_told_and_not_kept(server, invoke):
    server.reply(openai_stream("", finish_reason="content_filter"))
    server.reply(openai_stream("b"))
    result = invoke("chat", *to(server), input="one\n/history\n/retry\n")

    assert result.stdout == "b\n"
    assert result.stderr == "note: an empty answer (content_filter)\n"
    assert asked(server)[1] == [("user", "one")]


@pytest.mark.parametrize("content", ["my notes", "{}"])
def test_no_foreign_file_is_overwritten_and_a_suffix_names_a_file(chat, tmp_path, content):
    (tmp_path / "notes.txt").write_text(content)
    result = chat("one", "/save notes.txt", "/save talk.txt", "two", "/save talk.txt")

    assert "nothing was saved" in result.stderr
    assert (tmp_path / "notes.txt").read_text() == content
    assert len(json.loads((tmp_path / "talk.txt").read_text())["content"]["history"]) == 4
    assert {each.name for each in tmp_path.iterdir() if "checkpoint" in each.name} == set()


def test_the_stats_are_those_of_the_whole_conversation(chat):
    assert "2 answered" in chat("one", "two", "/stats").stderr


@pytest.mark.parametrize("place", ["talk.json", "folder", ""])
def test_what_is_saved_can_be_taken_up(chat, tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    saved = chat("one", "/set temperature 0.5", f"/save {place}").stderr.splitlines()[-1]
    file = saved.removeprefix("saved: ")
    assert json.loads((tmp_path / file).read_text())["content"]["parameters"] == {"temperature": 0.5}
    assert (tmp_path / file).parent.name == (
        {"talk.json": tmp_path.name, "": "checkpoints"}.get(place, place)
    )

    for result in (chat(f"/load {file}", "/history"), chat("/history", options=["--load", file])):
        assert "parameters: temperature; messages: 2" in result.stderr
        assert result.stderr.splitlines()[-2:] == ["user         one", "assistant    one"]


def test_a_conversation_that_cannot_be_taken_up_does_not_begin(chat):
    result = chat("hi", options=["--load", "nowhere.json"])

    assert (result.stdout, result.exit_code) == ("", 2)


def test_told_to_end_it_ends(chat):
    assert chat("one", "/quit", "two").stdout == "one\n"


# On a terminal.


def test_on_a_terminal_answers_stream_and_say_what_they_took(echo, terminal):
    child = terminal("-m", "echo-1")
    child.send("one two\r")
    shown = said(child)
    assert "\none two\n4 tokens in, 2 out · " in shown
    child.send("/history\r")
    assert "assistant    one two" in said(child)

    child.sendeof()
    assert ended(child) == 0


def test_ctrl_c_ends_the_answer_on_the_servers_side_and_not_the_program(server, terminal):
    server.reply(openai_stream("An answer that has no end"), hold_after=3)
    server.reply(openai_stream("The next one."))
    child = terminal(*to(server))
    child.send("Tell me.\r")
    child.expect_exact("An answer")

    child.sendintr()
    server.wait_for_disconnect(timeout=60)
    assert "stopped; what came is kept" in said(child)

    child.send("Go on.\r")
    assert "The next one." in said(child)
    assert [role for role, _ in asked(server)[1]] == ["user", "assistant", "user"]
    assert asked(server)[1][1][1].startswith("An answer")
    child.sendeof()
    assert ended(child) == 0


def test_ctrl_c_before_anything_has_come_leaves_the_task_to_be_asked_again(server, terminal):
    server.reply(hold=True)
    server.reply(openai_stream("Here I am."))
    child = terminal(*to(server))
    child.send("Hello?\r")
    while not server.requests:
        child.expect([r"[-\\|/]", pexpect.TIMEOUT], timeout=1)

    child.sendintr()
    server.wait_for_disconnect(timeout=60)
    assert "stopped; /retry asks again" in said(child)
    child.send("/retry\r")
    assert "Here I am." in said(child)
    assert asked(server) == [[("user", "Hello?")]] * 2


@pytest.mark.usefixtures("echo")
def test_an_answer_of_a_plugin_is_cancelled_too(terminal, tmp_path):
    log = tmp_path / "log"
    settings = ("--setting", f"log={log}", "--setting", "reply=so it begins")
    child = terminal("-m", "echo-forever", *settings)
    child.send("hi\r")
    child.expect_exact("so it begins")
    child.sendintr()

    assert "stopped" in said(child)
    assert log.read_text() == "ended"


@pytest.mark.slow
def test_what_is_typed_while_an_answer_comes_does_not_show_in_it_but_at_the_next_prompt(server, terminal):
    server.reply(openai_stream("An answer", " to", " the end"), pause=0.5)
    child = terminal(*to(server))
    child.send("hi\r")
    child.expect_exact("An answer")
    child.send("typed ahead")
    child.expect_exact("tokens in")
    assert "typed" not in child.before
    child.expect_exact("typed ahead")

    child.sendcontrol("c")
    child.expect_exact(PROMPT)
    child.sendeof()
    assert ended(child) == 0


@pytest.mark.usefixtures("echo")
def test_ctrl_c_at_the_prompt_clears_the_line_and_twice_at_an_empty_one_ends(terminal):
    child = terminal("-m", "echo-1")
    child.send("not this")
    child.expect_exact("not this")
    child.sendintr()
    child.expect_exact(PROMPT)
    child.send("but this\r")
    shown = said(child)
    assert "\nbut this\n" in shown
    assert "not this" not in shown

    child.sendintr()
    child.expect_exact("Ctrl-C again ends")
    child.expect_exact(PROMPT)
    child.sendintr()
    assert ended(child) == 0


@pytest.mark.usefixtures("echo")
@pytest.mark.parametrize("keys", ["one\x1b\rtwo\r", "one\\\rtwo\r", '"""one\rtwo\r"""\r'])
def test_several_lines_are_typed(terminal, keys):
    child = terminal("-m", "echo-1")
    child.send(keys)

    assert "\none\ntwo\n4 tokens in" in said(child)


@pytest.mark.usefixtures("echo")
def test_a_failure_does_not_end_it(terminal):
    child = terminal("-m", "echo-refused")
    child.send("hi\r")
    shown = said(child)
    assert "error: RequestRejected: no [/red] such [31mthing" in shown
    assert "/retry asks again" in shown
    child.send("/model echo-1\r")
    said(child)
    child.send("/retry\r")
    assert "\nhi\n" in said(child)
    child.send("/quit\r")
    assert ended(child) == 0


@pytest.mark.usefixtures("echo")
def test_the_keys_are_in_the_help_of_a_terminal(terminal):
    child = terminal("-m", "echo-1")
    child.send("/help\r")

    assert "Alt-Enter" in said(child)


@pytest.mark.usefixtures("echo")
def test_a_model_cannot_drive_the_terminal(terminal):
    child = terminal("-m", "echo-1", "--setting", "reply=\x1b]0;title\x07 \x1b [31m \x9b2J \rnew")
    child.send("hi\r")
    child.expect_exact("tokens in")

    assert "␛]0;title␇ ␛ [31m �2J new" in child.before
    assert "\x1b]0" not in child.before


@pytest.mark.usefixtures("echo")
def test_an_escape_sequence_in_a_piped_answer_is_the_readers_business(chat):
    assert chat("hi", options=["--setting", "reply=\x1b[31mred"]).stdout == "\x1b[31mred\n"


@pytest.mark.parametrize("text", ["plain\n\ttext é 漢 🙂 \u200d", ""])
def test_plain_text_stays_as_it_is(text):
    assert harmless(text) == text


def test_no_control_character_is_left():
    turning = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
    control = "".join(map(chr, [*range(32), *range(127, 160), *turning]))

    assert {letter for letter in harmless(control) if letter in control} == {"\n", "\t"}


@pytest.mark.usefixtures("echo")
def test_an_answer_to_a_single_question_cannot_drive_the_terminal_either(environment):
    arguments = ["-m", "asyncllm", "run", "hi", "-m", "echo-1", "--setting", "reply=\x1b]0;title\x07"]
    child = pexpect.spawn(sys.executable, arguments, env=environment, encoding="utf-8", timeout=60)

    assert child.read() == "␛]0;title␇\r\n"
    child.close()


def shown_lines(pieces):
    """Return the lines that a terminal shows."""
    lines, wrapped = [""], Wrapped()
    for back, text in re.findall(r"\x1b\[(\d+)D\x1b\[K|([^\x1b])", "".join(map(wrapped.push, pieces))):
        if back:
            cells = int(back)
            while cells:
                cells -= cell_len(lines[-1][-1])
                lines[-1] = lines[-1][:-1]
        elif text == "\n":
            lines.append("")
        else:
            lines[-1] += text
    return lines


@pytest.fixture
def wrap(monkeypatch):
    """Show pieces on a terminal of 12 columns; return its lines."""
    monkeypatch.setenv("COLUMNS", "12")
    return shown_lines


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("one two three four", ["one two ", "three four"]),
        ("one\n\ntwo", ["one", "", "two"]),
        ("elevenchars eleven", ["elevenchars", "eleven"]),
        ("a elevenchars b", ["a ", "elevenchars", "b"]),
        ("averyveryverylongword it is", ["averyveryve", "rylongword ", "it is"]),
        ("1234567 漢字漢字", ["1234567 漢", "字漢字"]),
        ("a\tbcdef", ["a\t", "bcdef"]),
        ("12345678 か\u3099か\u3099か\u3099", ["12345678 か\u3099", "か\u3099か\u3099"]),
        ("123456789 \U0001f469\u200d\U0001f467", ["123456789 ", "\U0001f469\u200d\U0001f467"]),
        ("12345678 \U0001f469\u200d\U0001f467 b", ["12345678 \U0001f469\u200d\U0001f467", "b"]),
        ("1234567 cafe\u0301s", ["1234567 ", "cafe\u0301s"]),
        ("", [""]),
    ],
)
def test_lines_break_between_words_however_these_come(wrap, text, lines):
    assert wrap([text]) == lines
    assert wrap(text) == lines


MARKS, PICTURES = "\u3099\u0301\u200d\u200b\ufe0f", {"\U0001f469", "\U0001f467"}


@given(st.text(alphabet=["a", "b", " ", "\n", "漢", "か", "é", *MARKS, *sorted(PICTURES)], max_size=60))
def test_nothing_is_written_that_the_model_did_not_write_but_newlines(text):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "12")
        lines = shown_lines([text])
    rest = text
    for number, line in enumerate(lines):
        assert rest.startswith(line), lines
        rest = rest[len(line) :]
        if number < len(lines) - 1:
            is_own = rest[:1] in {" ", "\n"}  # A line ends at a blank, or where the model ended it;
            is_torn = line[-1:] == "\u200d" and {rest[0], *line.strip(MARKS)[-1:]} <= PICTURES
            assert is_own or (cell_len(rest[0]) and not is_torn), lines  # or before a letter.
            rest = rest[1:] if is_own else rest
    assert rest == ""


# What can stand at the cursor.


@pytest.fixture
def complete(echo):
    from prompt_toolkit.completion import CompleteEvent
    from prompt_toolkit.document import Document

    from asyncllm import LLM
    from asyncllm.cli._terminal import Commands

    commands = Commands(LLM("echo-1", seed=7))
    return lambda text: {each.text for each in commands.get_completions(Document(text), CompleteEvent())}


def test_commands_parameters_and_values_are_completed(complete, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "talk.json").touch()

    assert complete("/") == {*COMMANDS}
    assert complete("/he") == {"help"}
    assert complete("/set ") == {*PARAMETERS}
    assert complete("/set temp") == {"temperature"}
    assert complete("/set reasoning_effort m") == {"minimal", "medium", "max"}
    assert complete("/set do_sample ") == {"true", "false"}
    assert complete("/set early_stopping n") == {"never"}
    assert complete("/unset ") == {"seed"}
    assert complete("/creative o") == {"on", "off"}
    assert complete("/model ec") == {"echo:"}
    assert complete("/load ta") == {"lk.json"}


@pytest.mark.parametrize(
    "text", ["", "hello /he", "/set nobody ", "/set temperature ", "/unset seed ", "/nobody x", "/help "]
)
def test_where_there_is_nothing_to_complete_nothing_is(complete, text):
    assert complete(text) == set()


@pytest.mark.usefixtures("echo")
def test_a_command_is_completed_with_the_tabulator(terminal):
    child = terminal("-m", "echo-1")
    child.send("/qui")
    child.expect_exact("End, as Ctrl-D does.")
    # The first takes what the menu offers, the second closes the menu, the third sends.
    child.send("\t\r\r")

    assert ended(child) == 0
