"""What README and guides show is so."""

import re
from pathlib import Path

import pytest

from asyncllm import LLM
from asyncllm.testing import ScriptedServer, anthropic_answer

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_to_one(page):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_python_block_is_python(page):
    for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL):
        if ">>>" not in block:
            compile(block, page.name, "exec", flags=__import__("ast").PyCF_ALLOW_TOP_LEVEL_AWAIT)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_nobody_is_told_to_install_the_strangers_distribution(page):
    assert not re.search(r"(pip|uv) (install|add) '?asyncllm(?!-framework)\b", page.read_text())


def test_the_guides_provider_works_and_drops_nothing_silently():
    guide = (ROOT / "docs" / "writing-a-provider.md").read_text()
    module = {}
    exec(re.search(r"```python\n(.*?)```", guide, re.DOTALL)[1], module)

    llm = LLM("any", provider=module["EchoProvider"], shout=True)
    response = llm.generate("a b STOP c", stop_token="STOP", max_tokens=9, seed=1)

    assert response.text == "A B "
    assert [(change.parameter, change.verdict) for change in response.adjustments] == [
        ("stop_token", "emulated"),
        ("seed", "dropped"),
    ]


def test_the_readmes_adjustments_are_what_is_printed():
    shown = re.search(
        r">>> llm = .*?adjustments: print\(adjustment\)\n(.*?)```", README.read_text(), re.DOTALL
    )[1]

    with ScriptedServer() as server:
        server.reply(anthropic_answer("Hi"))
        llm = LLM("anthropic:claude-sonnet-4-6", max_tokens=50, base_url=server.url, api_key="made-up")
        adjustments = llm.generate("Hi", temperature=1.5, seed=7).adjustments

    assert "".join(f"{adjustment}\n" for adjustment in adjustments) == shown
