"""Every canonical parameter is an option, by itself."""

import re

import pytest
import typer
from typer.testing import CliRunner

from asyncllm import _readings
from asyncllm._vocabulary import PARAMETERS, OneOf, Parameter
from asyncllm.cli import _options


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_parameter_is_an_option_with_its_meaning(invoke, name):
    help_text = " ".join(invoke("run", "--help").output.split())

    assert re.search(rf"--{name.replace('_', '-')}[ ,]", help_text)
    assert PARAMETERS[name].meaning in help_text


def test_a_new_parameter_appears_by_itself(monkeypatch):
    mood = Parameter(OneOf(("calm", "wild")), "How to sound.")
    for room in (_options, _readings):
        monkeypatch.setattr(room, "PARAMETERS", {"mood_of_it": mood})
    seen = {}

    def command(**given):
        seen.update(_options.parameters(given))

    app = typer.Typer()
    app.command()(_options.with_parameters(command))
    assert CliRunner().invoke(app, ["--mood-of-it", "wild"]).exit_code == 0
    assert seen == {"mood_of_it": "wild"}
    assert "How to sound. Takes one of 'calm', 'wild'." in CliRunner().invoke(app, ["--help"]).output


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ({"max_tokens": "50"}, 50),
        ({"temperature": "0"}, 0),
        ({"temperature": ".5"}, 0.5),
        ({"frequency_penalty": "-1"}, -1),
        ({"stop_token": ["a", "5"]}, ("a", "5")),
        ({"system_prompt": "5"}, "5"),
        ({"system_prompt": ""}, ""),
        ({"reasoning_effort": "low"}, "low"),
    ],
)
def test_the_text_after_an_option_is_read_as_what_its_parameter_takes(given, value):
    (name,) = given

    assert _options.parameters(given) == {name: value}
    assert type(_options.parameters(given)[name]) is type(value)


def test_an_option_that_is_not_given_is_not_set():
    assert _options.parameters({"temperature": None, "stop_token": [], "seed": None}) == {}


@pytest.mark.usefixtures("echo")
def test_options_reach_the_provider(invoke):
    options = ["--max-tokens", "5", "--temperature", "0.5", "--stop-token", "a", "--stop-token", "b"]
    result = invoke("run", "hi", "-m", "echo-options", *options)

    assert "{'max_tokens': 5, 'temperature': 0.5, 'stop_token': ('a', 'b')}" in result.stdout


@pytest.mark.usefixtures("echo")
@pytest.mark.parametrize(
    ("option", "value"),
    [("--temperature", "3"), ("--top-k", "1.5"), ("--reasoning-effort", "huge"), ("--stop-token", "")],
)
def test_a_value_that_the_parameter_does_not_take_is_told_what_it_takes(invoke, option, value):
    result = invoke("run", "hi", "-m", "echo:any", option, value)

    assert (result.stdout, result.exit_code) == ("", 2)
    assert result.stderr.startswith(f"error: {option} takes ")


def test_another_spelling_is_an_option_too(invoke):
    result = invoke(
        "run", "hi", "-m", "openai:gpt-4.1", "--beam-width", "1", "--repition-penalty", "1", "--plan"
    )

    assert "num_beams" in result.stdout
    assert "repetition_penalty" in result.stdout


@pytest.mark.parametrize("said", ["False", "false", "FALSE"])
def test_what_is_true_or_false_may_be_said_in_any_case(invoke, said):
    result = invoke("run", "hi", "-m", "openai:gpt-4.1", "--do-sample", said, "--plan")

    assert '"temperature": 0' in result.stdout


def test_a_number_that_is_too_large_for_a_number_is_told_what_the_parameter_takes(invoke):
    result = invoke("run", "hi", "-m", "openai:gpt-4.1", "--temperature", "1" + "0" * 400)

    assert result.exit_code == 2
    assert "takes a number from 0 to 2" in result.stderr
