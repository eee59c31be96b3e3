"""Providers are found where they are installed, and only the one asked for is imported."""

import subprocess
import sys

import pytest

from asyncllm import LLM, ProviderNotInstalled, UnknownModel, UnknownProvider, available
from asyncllm._registry import DEFAULT_MODEL, load, resolve

PLUGIN = """
from asyncllm.testing import FakeProvider

class XProvider(FakeProvider):
    pass

nothing = 5
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a plugin as a stranger's distribution is: a module and its metadata on the path."""
    monkeypatch.syspath_prepend(tmp_path)
    written = []

    def install(name, *, provider=None, source=PLUGIN, target="XProvider", models=(), extras=()):
        module = f"asyncllm_test_{name}"
        written.append(module)
        (tmp_path / f"{module}.py").write_text(source)
        info = tmp_path / f"asyncllm_{name}-0.1.dist-info"
        info.mkdir()
        provided = "".join(f"Provides-Extra: {extra}\n" for extra in extras)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: asyncllm-{name}\nVersion: 0.1\n{provided}"
        )
        claims = "".join(f"{pattern} = {module}:{target}\n" for pattern in models)
        (info / "entry_points.txt").write_text(
            f"[asyncllm.providers]\n{provider or name} = {module}:{target}\n[asyncllm.models]\n{claims}"
        )
        return module

    yield install
    for module in written:
        sys.modules.pop(module, None)


def test_our_own_providers_come_in_by_the_same_door():
    assert {"anthropic", "llamacpp", "openai"} <= set(available())


def test_an_installed_provider_answers(install):
    install("x")
    llm = LLM("x:any-model", reply="hello")

    assert "x" in available()
    assert llm.run("hi") == "hello"
    assert llm.model_name == "x:any-model"
    assert llm.generate("hi").provider == "x"


def test_the_model_may_have_colons_of_its_own(install):
    install("x")

    assert resolve("x:llama3:8b") == ("x", "llama3:8b")


@pytest.mark.parametrize("model", ["x-1", "X-1", "x-1:latest", "dir/x-1"])
def test_a_bare_model_name_belongs_to_who_claims_it(install, model):
    module = install("x", models=["x-*", "dir/*"])

    assert resolve(model) == ("x", model)
    assert module not in sys.modules


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("gpt-5.2", "openai"),
        ("o3-mini", "openai"),
        ("chatgpt-4o-latest", "openai"),
        ("claude-opus-4-6", "anthropic"),
        ("./some/Model.gguf", "llamacpp"),
        (r"C:\models\some.GGUF", "llamacpp"),
        ("smollm2-135m-instruct", "llamacpp"),
    ],
)
def test_our_own_providers_claim_their_models(model, provider):
    assert resolve(model) == (provider, model)


def test_a_model_that_several_claim_is_an_error_that_names_them(install):
    install("x", models=["shared-*"])
    install("y", models=["shared-model"])

    with pytest.raises(
        UnknownModel,
        match="several providers claim 'shared-model'; write one of 'x:shared-model', 'y:shared-model'",
    ):
        LLM("shared-model")


def test_two_patterns_of_one_provider_are_one_claim(install):
    install("x", models=["x-*", "*-large"])

    assert resolve("x-large") == ("x", "x-large")


@pytest.mark.parametrize("model", ["nobodys-model", "", "  ", "omega"])
def test_a_model_that_nobody_claims_is_an_error_that_says_what_to_write(install, model):
    install("x")

    with pytest.raises(
        UnknownModel, match=f"no installed provider claims the model '{model}'; write 'provider:{model}' .*x"
    ):
        LLM(model)


def test_an_unknown_provider_is_an_error_that_lists_the_installed(install):
    install("x")

    with pytest.raises(UnknownProvider, match=r"no provider 'nobody'; installed: anthropic, .*openai.*x"):
        LLM("nobody:model")
    with pytest.raises(UnknownProvider, match=r"no provider 'nobody'; installed: anthropic, .*openai.*x"):
        load("nobody")


def test_a_provider_without_a_model_is_an_error(install):
    install("x")

    with pytest.raises(UnknownModel, match="'x:' names no model; write 'x:model'"):
        LLM("x:")


def test_only_the_provider_that_is_asked_for_is_imported(install):
    asked, other = install("x"), install("y")
    LLM("x:m")

    assert asked in sys.modules
    assert other not in sys.modules


def test_a_plugin_that_does_not_import_says_what_to_install(install):
    install("x", source="import no_such_sdk")

    with pytest.raises(
        ProviderNotInstalled,
        match=r"'x' does not import: No module named 'no_such_sdk'.*pip install 'asyncllm-x'",
    ):
        LLM("x:m")


def test_a_plugin_that_has_an_extra_of_its_own_name_says_so(install):
    install("x", source="import no_such_sdk", extras=["x", "y"])

    with pytest.raises(ProviderNotInstalled, match=r"pip install 'asyncllm-x\[x\]'") as caught:
        LLM("x:m")
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


@pytest.mark.parametrize("source", ["1 / 0", "raise SystemError('x')", "def ("])
def test_a_plugin_that_fails_while_it_is_imported_says_how(install, source):
    install("x", source=source)

    with pytest.raises(
        ProviderNotInstalled, match=r"'x' \(asyncllm_test_x:XProvider\) fails while it is imported: \w+Error"
    ):
        LLM("x:m")


@pytest.mark.parametrize("target", ["nothing", "FakeProvider.rules"])
def test_a_plugin_that_is_no_provider_is_refused(install, target):
    install("x", target=target)

    with pytest.raises(ProviderNotInstalled, match=r"is not an asyncllm\.provider\.Provider"):
        LLM("x:m")


def test_a_plugin_whose_class_is_missing_is_refused(install):
    install("x", target="Missing")

    with pytest.raises(ProviderNotInstalled, match="Missing"):
        LLM("x:m")


def test_a_plugin_that_ends_the_process_while_it_is_imported_does_not(install):
    install("x", source="import sys; sys.exit(3)")

    with pytest.raises(ProviderNotInstalled, match=r"fails while it is imported: SystemExit\(3\)"):
        LLM("x:m")


def test_a_plugin_that_leaves_methods_out_is_refused_by_name(install):
    source = "from asyncllm.provider import Provider\nclass XProvider(Provider):\n    complete = None"
    install("x", source=source)

    with pytest.raises(ProviderNotInstalled, match=r"\(asyncllm_test_x:XProvider\) does not define rules"):
        LLM("x:m")


def test_of_two_with_one_name_the_first_by_distribution_is_used_and_the_other_is_told_once(install, caplog):
    install("x2", provider="x", models=["x2-*"])
    install("x1", provider="x", models=["x1-*"])

    for _ in range(2):
        LLM("x:m")

    assert "asyncllm_test_x1" in sys.modules
    assert "asyncllm_test_x2" not in sys.modules
    assert caplog.messages == ["provider_hidden provider='x' used='asyncllm-x1' hidden='asyncllm-x2'"]
    assert available().count("x") == 1


def test_what_a_hidden_plugin_claims_is_not_claimed(install):
    install("x1", provider="twin", models=["x1-*"])
    install("x2", provider="twin", models=["x2-*"])

    assert resolve("x1-large") == ("twin", "x1-large")
    with pytest.raises(UnknownModel, match="no installed provider claims"):
        resolve("x2-large")


def test_nobody_takes_the_name_of_one_of_ours(install):
    install("aaa", provider="openai", models=["aaa-*"])

    assert load("openai").__module__ == "asyncllm_openai"


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("1 / 0", "XProvider"),
        ("import no_such_sdk", "XProvider"),
        (PLUGIN, "nothing"),
        (PLUGIN, "not valid:"),
    ],
)
def test_a_broken_plugin_does_not_disturb_the_others(install, source, target):
    install("broken", source=source, target=target, models=["broken-*"])
    install("x", models=["x-*"])

    assert LLM("x-1", reply="well").run("hi") == "well"
    assert {"broken", "x", "openai"} <= {*available()}
    with pytest.raises(ProviderNotInstalled, match="broken"):
        LLM("broken-1")


def test_without_a_model_the_environment_is_asked(install, monkeypatch):
    install("x")
    monkeypatch.setenv("ASYNCLLM_MODEL", "x:from-environment")

    assert LLM().model_name == "x:from-environment"
    assert LLM(None, model_name=None).model_name == "x:from-environment"
    assert LLM("x:named").model_name == "x:named"


@pytest.mark.parametrize("value", ["", None])
def test_without_any_model_it_is_the_small_one(monkeypatch, value):
    if value is None:
        monkeypatch.delenv("ASYNCLLM_MODEL", raising=False)
    else:
        monkeypatch.setenv("ASYNCLLM_MODEL", value)

    assert ":".join(resolve(None)) == DEFAULT_MODEL == "llamacpp:smollm2-135m-instruct"


def test_what_is_available_is_known_without_importing_it():
    code = (
        "import sys, asyncllm; print(*asyncllm.available());"
        "print(*[name for name in sys.modules if name.startswith('asyncllm_')])"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.splitlines()

    assert out[0].split() == sorted(out[0].split())
    assert out[1] == ""
