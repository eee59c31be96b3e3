"""Exit codes for scripts, one clear line for people."""

import pytest

pytestmark = pytest.mark.usefixtures("echo")


@pytest.mark.parametrize(
    ("model", "code"),
    [
        ("echo-fine", 0),
        ("echo-bug", 1),
        ("echo-keyless", 2),
        ("nobody-knows-this", 2),
        ("nobody:x", 2),
        ("echo-refused", 3),
        ("echo-stranger", 3),
        ("echo-broke", 3),
        ("echo-busy", 4),
        ("echo-down", 4),
        ("echo-cut", 4),
    ],
)
def test_the_exit_code_says_whose_turn_it_is(invoke, model, code):
    result = invoke("run", "hi", "-m", model)

    assert result.exit_code == code
    assert len(result.stderr.splitlines()) == (code != 0)


def test_the_help_lists_the_exit_codes(invoke):
    assert "4  the provider failed for now: worth trying again later\n" in invoke("--help").output


def test_a_usage_error_exits_with_2(invoke):
    assert invoke("run", "hi", "--no-such-option").exit_code == 2
    assert invoke("run").exit_code == 2


def test_a_providers_error_is_one_line_that_cannot_drive_the_terminal(invoke):
    result = invoke("run", "hi", "-m", "echo-refused")

    assert result.stderr == "error: RequestRejected: no [/red] such [31mthing (request req_1)\n"


def test_a_provider_that_asks_to_wait_is_passed_on(invoke):
    assert "(asks to wait 3600 s)" in invoke("run", "hi", "-m", "echo-busy").stderr


def test_what_came_before_an_error_stays(invoke):
    result = invoke("run", "half an answer", "-m", "echo-cut")

    assert result.stdout == "half an answer\n"
    assert result.stderr.startswith("error: IncompleteResponse: ")


@pytest.mark.parametrize("debug", [[], ["--debug"]])
def test_a_bug_shows_no_key_and_its_traceback_only_on_request(invoke, debug):
    key = "api_key=sk-setting-0123456789"
    environment = {"ECHO_API_KEY": "sk-environ-0123456789"}
    result = invoke("run", "hi", "-m", "echo-bug", "--setting", key, *debug, env=environment)

    assert result.exit_code == 1
    assert "*** and *** broke it" in result.stderr
    assert "sk-" not in result.output
    assert ("Traceback" in result.stderr) == bool(debug)


def test_a_key_that_begins_another_leaves_nothing_of_it(invoke):
    environment = {"A_TOKEN": "sk-environ", "ECHO_API_KEY": "sk-environ-0123456789", "B_KEY": "broke"}
    result = invoke(
        "run", "hi", "-m", "echo-bug", "--setting", "api_key=sk-setting-0123456789", env=environment
    )

    assert "*** and *** broke it" in result.stderr


def test_the_environment_can_ask_for_the_traceback(invoke):
    result = invoke("run", "hi", "-m", "echo-refused", env={"ASYNCLLM_DEBUG": "1"})

    assert "Traceback" in result.stderr
    assert result.exit_code == 3
