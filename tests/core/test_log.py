"""What is logged, where it goes, and that it is silent otherwise."""

import logging
import subprocess
import sys

import pytest
import structlog
from structlog.testing import capture_logs

from asyncllm import LLM, Retry, Unavailable
from asyncllm.rules import Native, Unsupported
from asyncllm.testing import FakeProvider

RULES = {"temperature": Native(within=(0, 1)), "seed": Unsupported("cannot be seeded")}


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.DEBUG, logger="asyncllm")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "asyncllm"]


def test_an_adjustment_is_a_line_in_the_log(lines):
    LLM("m", provider=FakeProvider, rules=RULES).run("x", temperature=2)

    assert lines() == [
        (
            "parameter_adjusted model='FakeProvider:m' "
            "parameter='temperature' verdict='clamped' reason='accepts 0 to 1'"
        )
    ]


def test_each_kind_of_adjustment_is_logged_once_for_an_llm(lines):
    llm = LLM("m", provider=FakeProvider, rules=RULES)
    for seed in range(5):
        llm.run("x", temperature=2, seed=seed)
    llm.batch_run(["x"] * 5, temperature=2, seed=1)
    assert len(lines()) == 2

    LLM("m", provider=FakeProvider, rules=RULES).run("x", temperature=2)
    assert len(lines()) == 3


def test_a_call_without_an_adjustment_logs_nothing(lines):
    LLM("m", provider=FakeProvider).run("x", temperature=2)

    assert lines() == []


def test_a_retry_is_a_line_in_the_log(lines):
    failures = [Unavailable("down")]

    def reply(request):
        if failures:
            raise failures.pop()
        return "ok"

    LLM("m", provider=lambda: FakeProvider(reply=reply), retry=Retry(wait_initial=0)).run("x")

    assert lines() == ["retry attempt=1 seconds=0 error='Unavailable'"] or lines() == [
        "retry attempt=1 seconds=0.0 error='Unavailable'"
    ]


def test_lines_go_to_structlog_where_that_is_configured(lines):
    structlog.configure()
    try:
        with capture_logs() as captured:
            LLM("m", provider=FakeProvider, rules=RULES).run("x", seed=1)
    finally:
        structlog.reset_defaults()

    assert captured == [
        {
            "event": "parameter_adjusted",
            "log_level": "warning",
            "model": "FakeProvider:m",
            "parameter": "seed",
            "verdict": "dropped",
            "reason": "cannot be seeded",
        }
    ]
    assert lines() == []


@pytest.mark.parametrize(
    "ask", ["llm.run('x', seed=1)", "import anyio; anyio.run(lambda: llm.arun('x', seed=1))"]
)
def test_a_program_that_configures_nothing_sees_nothing(ask):
    code = f"""
from asyncllm import LLM
from asyncllm.testing import FakeProvider
llm = LLM("m", provider=FakeProvider, rules={{}})
{ask}
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )

    assert (done.stdout, done.stderr) == ("", "")


def test_a_prompt_is_in_no_log_line(lines):
    LLM("m", provider=lambda: FakeProvider(rules={})).run(
        "secret task", system_prompt="secret role", stop_token="secret"
    )

    assert len(lines()) == 2
    assert "secret" not in "".join(lines())
