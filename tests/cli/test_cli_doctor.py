"""What ``asyncllm doctor`` tells of what is installed, set up and there."""

import json
import sys
from pathlib import Path

import pytest

TINY = Path(__file__).parents[1] / "llamacpp" / "beams" / "tiny.gguf"

EXAMINED = """
from asyncllm.provider import Provider, Response, Choice
from asyncllm.rules import Native

class Provider(Provider):
    def __init__(self, *, room=1, api_key=None):
        self.room = room

    def rules(self, model, params):
        return {"device": Native()}

    async def complete(self, request):
        raise AssertionError("it was asked")

    @classmethod
    def describe(cls):
        DESCRIBED

    async def examine(self, request):
        return {"runs": request.model, "room_bytes": self.room, "on": request.options.get("device")}

    async def aclose(self):
        print("closed")
"""


@pytest.fixture
def told(invoke):
    def told(*args):
        result = invoke("doctor", *args, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout[result.stdout.index("{") :])

    return told


@pytest.fixture
def rows(invoke):
    """The printed rows, as the program in a pipe gets them."""

    def rows(*args):
        result = invoke("doctor", *args)
        assert result.exit_code == 0, result.output
        return [tuple(line.split("\t")) for line in result.stdout.splitlines() if "\t" in line]

    return rows


@pytest.fixture
def plugin(plugins):
    def plugin(described="return {}"):
        source = EXAMINED.replace("DESCRIBED", described)
        plugins.install("asyncllm-quack", provider="quack", module="asyncllm_quack", source=source)

    yield plugin
    sys.modules.pop("asyncllm_quack", None)


def test_versions_and_every_provider_are_told(told):
    found = told()

    assert set(found["asyncllm"]) == {"version", "python", "platform"}
    assert {"openai", "anthropic", "ollama", "llamacpp"} <= set(found)
    assert "model" not in found


def test_the_sdks_versions_are_told(told):
    pytest.importorskip("openai")
    import openai

    found = told()["openai"]
    assert (found["state"], found["openai"]) == ("ready", openai.__version__)


def test_whether_a_key_is_set_is_told_and_never_the_key(invoke, told, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-made-up-0123456789")
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    found = told()

    assert found["openai"]["OPENAI_API_KEY"] == "set"
    assert found["anthropic"]["ANTHROPIC_API_KEY"] == "not set"
    assert "0123456789" not in invoke("doctor").output


def test_a_plugin_that_lacks_something_says_so_and_how_to_get_it(plugins, rows):
    plugins.install(
        "asyncllm-sdk",
        provider="sdk",
        module="asyncllm_sdk",
        source="raise RuntimeError('imported')",
        extras=["sdk"],
        requires=["no-such-sdk>=2; extra == 'sdk'"],
    )

    found = {name: value for section, name, value in rows() if section == "sdk"}
    assert found == {
        "from": "asyncllm-sdk 0.1",
        "state": "needs no-such-sdk>=2, which is not installed",
        "install": "pip install 'asyncllm-sdk[sdk]'",
    }


def test_what_a_plugin_finds_is_told_with_sizes_as_people_read_them(plugin, rows, told):
    plugin(
        "return {'gpus': {'one': {'free_bytes': 2**31, 'is_on': True}}, 'kinds': ['a', 'b'], 'MY_KEY': 'set'}"
    )

    found = {name: value for section, name, value in rows() if section == "quack"}
    assert found["gpus one free"] == "2 GiB"
    assert found["gpus one is on"] == "yes"
    assert found["kinds"] == "a, b"
    assert found["MY_KEY"] == "set"
    assert told()["quack"]["gpus"] == {"one": {"free_bytes": 2**31, "is_on": True}}


def test_a_plugin_that_cannot_tell_keeps_the_others_from_nothing(plugin, rows):
    plugin("raise OSError('no driver')")
    found = rows()

    assert ("quack", "state", "cannot tell: OSError('no driver')") in found
    assert ("openai", "state", "ready") in found


def test_a_model_is_examined_with_its_settings_and_its_device_and_closed(plugin, invoke):
    plugin()
    result = invoke("doctor", "quack:any", "--setting", "room=1024", "--device", "cuda")

    assert result.exit_code == 0, result.output
    assert "model\truns\tany" in result.stdout
    assert "model\troom\t1 KiB" in result.stdout
    assert "model\ton\tcuda" in result.stdout
    assert "closed" in result.stdout


def test_a_model_that_nobody_knows_is_an_error(invoke):
    result = invoke("doctor", "no-such:model")

    assert result.exit_code == 2
    assert "no provider 'no-such'" in result.stderr


@pytest.mark.parametrize("extra", [[], ["--strict"]])
def test_where_the_local_engine_puts_a_model_is_told(invoke, extra):
    llama_cpp = pytest.importorskip("llama_cpp")
    result = invoke("doctor", f"llamacpp:{TINY}", "--setting", "threads=1", "--device", "cpu", *extra)

    assert result.exit_code == 0, result.output
    found = dict(line.split("\t")[1:] for line in result.stdout.splitlines() if line.startswith("model\t"))
    assert (found["layers on gpu"], found["layers"]) == ("0", "3")
    assert found["kv type"] == "f16, f16"
    assert found["devices CPU weights"].endswith("KiB")
    assert f"llamacpp\tllama-cpp-python\t{llama_cpp.__version__}" in result.stdout


def test_a_gpu_that_llama_cpp_lacks_is_told_with_what_gives_it(invoke):
    pytest.importorskip("llama_cpp")
    from asyncllm_llamacpp._devices import gpus

    if gpus():
        pytest.skip("there is a GPU here")
    adapted = invoke("doctor", f"llamacpp:{TINY}", "--setting", "threads=1", "--device", "cuda")
    refused = invoke("doctor", f"llamacpp:{TINY}", "--device", "cuda", "--strict")

    assert adapted.exit_code == 0
    assert "dropped device ('cuda')" in adapted.stderr
    assert "-DGGML_CUDA=on" in adapted.stderr
    assert refused.exit_code == 2
    assert "-DGGML_CUDA=on" in refused.stderr
    assert "-DGGML_CUDA=on" in adapted.stdout
