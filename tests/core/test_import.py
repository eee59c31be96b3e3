"""Importing asyncllm brings in little."""

import subprocess
import sys

HEAVY = {
    "anthropic",
    "httpx2",
    "llama_cpp",
    "msgspec",
    "numpy",
    "openai",
    "opentelemetry",
    "psutil",
    "pyarrow",
    "pynvml",
    "ray",
    "rich",
    "sqlite3",
    "structlog",
    "trio",
    "typer",
}


def test_importing_asyncllm_loads_no_sdk():
    code = "import sys, asyncllm, asyncllm.batch.ray; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )

    assert set(done.stdout.split()) & HEAVY == set()
    assert done.stderr == ""


def test_making_and_asking_an_llm_loads_none_either():
    code = """
import sys
from asyncllm import LLM
from asyncllm.testing import FakeProvider
LLM("m", provider=FakeProvider).run("x")
print(*sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )

    assert set(done.stdout.split()) & HEAVY == set()
