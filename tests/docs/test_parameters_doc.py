"""The page on parameters is what the tables say."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from asyncllm._registry import available
from asyncllm.cli._app import app

PAGE = Path(__file__).parents[2] / "docs" / "parameters.md"
OURS = ("openai", "anthropic", "llamacpp", "ollama")


def test_the_page_on_parameters_is_what_the_tables_say(monkeypatch):
    for name in ("OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "OLLAMA_HOST", "ASYNCLLM_DEBUG"):
        monkeypatch.delenv(name, raising=False)

    command = ["params", "--markdown", *(name for name in OURS if name in available())]
    printed = CliRunner().invoke(app, command)
    assert printed.exit_code == 0, printed.output
    if PAGE.read_text() != printed.stdout:
        pytest.fail(
            f"docs/parameters.md is stale; renew it: asyncllm {' '.join(command)} > docs/parameters.md"
        )
