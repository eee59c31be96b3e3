"""What ``asyncllm run`` prints, and where."""

import json

import pytest

pytestmark = pytest.mark.usefixtures("echo")


def test_the_answer_and_nothing_else_is_on_stdout(invoke):
    result = invoke("run", "Hello there", "--model", "echo:any")

    assert (result.stdout, result.stderr, result.exit_code) == ("Hello there\n", "", 0)


def test_a_bare_model_name_finds_its_provider(invoke):
    assert invoke("run", "hi", "-m", "echo-1").stdout == "hi\n"


def test_the_environment_names_the_model_where_no_option_does(invoke):
    assert invoke("run", "hi", env={"ASYNCLLM_MODEL": "echo:any"}).stdout == "hi\n"


def test_a_dash_reads_the_prompt_from_stdin(invoke):
    assert invoke("run", "-", "-m", "echo:any", input="from a pipe").stdout == "from a pipe\n"


def test_what_is_not_text_on_stdin_is_no_prompt(invoke):
    result = invoke("run", "-", "-m", "echo:any", input=b"\xff\xfe")

    assert result.exit_code == 2
    assert "not text" in result.stderr


def test_an_empty_prompt_is_no_prompt(invoke):
    assert invoke("run", "", "-m", "echo:any").exit_code == 2


def test_json_is_the_whole_response(invoke):
    result = invoke("run", "Grüße an alle", "-m", "echo:any", "--json", "--temperature", "1.5")

    response = json.loads(result.stdout)
    timing = response.pop("timing")
    assert timing.keys() == {"total", "first_token", "held", "queued"}
    assert response.pop("usage")["output_tokens"] == 3
    (adjustment,) = response.pop("adjustments")
    assert (adjustment["verdict"], adjustment["asked"], adjustment["sent"]) == ("clamped", 1.5, 1)
    assert response == {
        "text": "Grüße an alle",
        "texts": ["Grüße an alle"],
        "reasoning": "",
        "choices": [
            {
                "text": "Grüße an alle",
                "finish_reason": "stop",
                "matched_stop": None,
                "logprobs": [],
                "reasoning": "",
            }
        ],
        "finish_reason": "stop",
        "matched_stop": None,
        "provider": "echo",
        "model": "any",
        "request_id": "req_2",
        "attempts": 1,
    }
    assert result.stderr == ""


def test_what_the_model_thinks_is_on_stderr_where_that_is_asked_for(invoke):
    silent = invoke("run", "hi", "-m", "echo:echo-thinker")
    aloud = invoke("run", "hi", "-m", "echo:echo-thinker", "--reasoning")

    assert (silent.stdout, silent.stderr) == ("hi\n", "")
    assert (aloud.stdout, aloud.stderr) == ("hi\n", "Hm ␛[31m[bold], an echo.\n")


def test_json_tells_what_the_model_thought(invoke):
    result = invoke("run", "hi", "-m", "echo:echo-thinker", "--json")

    assert json.loads(result.stdout)["reasoning"] == "Hm \x1b[31m[bold], an echo."


def test_stats_are_on_stderr_after_the_answer(invoke):
    result = invoke("run", "one two", "-m", "echo:any", "--stats", "--temperature", "1.5", "--seed", "7")

    assert result.stdout == "one two\n"
    assert result.output.startswith(result.stdout)
    facts = [line.split(maxsplit=1)[0] for line in result.stderr.splitlines()]
    assert facts == ["model", "tokens", "tokens", "speed", "first", "total", "finish", "adjusted", "adjusted"]
    assert "tokens in    4 (3 cached)\n" in result.stderr
    assert "tokens out   2 (1 reasoning)\n" in result.stderr
    assert "clamped temperature (1.5 -> 1" in result.stderr
    assert "dropped seed (7): echoes are always the same" in result.stderr


def test_an_answer_that_was_changed_says_so_without_being_asked(invoke):
    result = invoke("run", "hi", "-m", "echo:any", "--seed", "7")

    assert result.stdout == "hi\n"
    assert result.stderr == "note: dropped seed (7): echoes are always the same\n"


def test_strict_refuses_what_would_be_changed(invoke):
    result = invoke("run", "hi", "-m", "echo:any", "--seed", "7", "--strict")

    assert (result.stdout, result.exit_code) == ("", 2)
    assert "seed" in result.stderr


def test_a_setting_reaches_the_provider_as_json_or_text(invoke):
    assert invoke("run", "hi", "-m", "echo:any", "--setting", "reply=a text").stdout == "a text\n"
    assert invoke("run", "hi", "-m", "echo:any", "--setting", 'reply="json"').stdout == "json\n"


@pytest.mark.parametrize("setting", ["sk-0123456789", "base-url=x", "temperature=1", "provider=x"])
def test_what_is_no_setting_is_refused_and_not_repeated(invoke, setting):
    result = invoke("run", "hi", "-m", "echo:any", "--setting", setting)

    assert (result.stdout, result.exit_code) == ("", 2)
    assert "sk-" not in result.stderr


def test_an_unknown_setting_names_the_known_ones(invoke):
    result = invoke("run", "hi", "-m", "echo:any", "--setting", "replay=x")

    assert result.exit_code == 2
    assert "did you mean 'reply'?" in result.stderr


def test_several_answers_are_all_printed(invoke):
    result = invoke("run", "hello", "-m", "echo:any", "--num-return-sequences", "3")

    assert result.stdout == "hello\n\n--- 2 of 3 ---\nhello\n\n--- 3 of 3 ---\nhello\n"
