"""What asyncllm.testing needs, it needs only where it is used."""

import subprocess
import sys

import pytest

import asyncllm.testing

WITHOUT = """
import sys
for name in ("pytest", "trio", "httpx2", "h11"):
    sys.modules[name] = None
from asyncllm.testing import FakeProvider, ScriptedServer
from asyncllm import LLM
assert LLM("any", provider=FakeProvider).run("hi") == "ok"
try:
    from asyncllm.testing import ProviderConformance
except ImportError as error:
    print(error)
"""


def test_only_the_conformance_suite_needs_pytest_and_trio():
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=False)

    assert done.stderr == ""
    assert "pytest" in done.stdout


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Conformity'"):
        _ = asyncllm.testing.Conformity
