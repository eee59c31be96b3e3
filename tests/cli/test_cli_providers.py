"""What ``asyncllm providers`` says of what is installed, and imports nothing for it."""

import json
import sys

import pytest

RAISES = "raise RuntimeError('imported')"


@pytest.fixture
def listed(invoke):
    """The listed providers of one name, as JSON."""

    def listed(name):
        result = invoke("providers", "--json")
        assert result.exit_code == 0
        return [plugin for plugin in json.loads(result.stdout) if plugin["name"] == name]

    return listed


def test_a_provider_comes_with_its_distribution_and_the_models_that_it_claims(echo, listed):
    assert listed("echo") == [
        {
            "name": "echo",
            "entry_point": "asyncllm_echo:Provider",
            "distribution": "asyncllm-echo",
            "version": "0.1",
            "models": ["echo-*"],
            "problems": [],
            "install": None,
            "ready": True,
        }
    ]


def test_nothing_is_imported(plugins, invoke, listed):
    plugins.install("asyncllm-bad", provider="bad", module="asyncllm_bad", source=RAISES)

    before = {*sys.modules}
    assert listed("bad")[0]["ready"]
    assert invoke("providers").exit_code == 0
    assert not {"asyncllm_bad", "openai", "anthropic", "llama_cpp"} & ({*sys.modules} - before)


def test_what_was_not_imported_is_installed_and_what_was_is_ready(echo, invoke):
    unseen, seen = (invoke("providers", *check).stdout for check in ([], ["--check"]))

    assert "installed" in unseen
    assert "ready" not in unseen
    assert "ready" in seen


def test_a_plugin_without_its_module_says_so(plugins, listed):
    plugins.install("asyncllm-lost", provider="lost", module="asyncllm_lost", source=None)

    (lost,) = listed("lost")
    assert lost["problems"] == ["has no module 'asyncllm_lost'"]
    assert lost["install"] == "pip install --force-reinstall 'asyncllm-lost'"


def test_what_the_extra_of_its_name_lists_is_needed_and_other_extras_are_not(plugins, listed):
    plugins.install(
        "asyncllm-sdk",
        provider="sdk",
        module="asyncllm_sdk",
        extras=["sdk", "other"],
        requires=["anyio>=4", "no-such-sdk>=2,<3; extra == 'sdk'", "no-such-other; extra == 'other'"],
    )

    (sdk,) = listed("sdk")
    assert sdk["problems"] == ["needs no-such-sdk<3,>=2, which is not installed"]
    assert sdk["install"] == "pip install 'asyncllm-sdk[sdk]'"


def test_without_an_extra_of_its_name_a_plugin_needs_what_its_distribution_does(plugins, listed):
    plugins.install(
        "asyncllm-plain",
        provider="plain",
        module="asyncllm_plain",
        requires=["no-such-sdk", "not-here; python_version < '3'"],
    )

    (plain,) = listed("plain")
    assert plain["problems"] == ["needs no-such-sdk, which is not installed"]
    assert plain["install"] == "pip install 'asyncllm-plain'"


def test_a_version_that_does_not_fit_is_named(plugins, listed):
    plugins.install("asyncllm-old", provider="old", module="asyncllm_old", requires=["anyio<1"])

    (problem,) = listed("old")[0]["problems"]
    assert problem.startswith("needs anyio<1, and 4.")


def test_an_extra_made_of_the_distributions_own_extras_is_followed(plugins, listed):
    plugins.install(
        "asyncllm-demo",
        provider="demo",
        module="asyncllm_demo",
        extras=["demo", "engine"],
        requires=["AsyncLLM_Demo[engine]; extra == 'demo'", "no-such-engine; extra == 'engine'"],
    )

    assert listed("demo")[0]["problems"] == ["needs no-such-engine, which is not installed"]


def test_of_two_with_one_name_the_second_is_hidden(echo, listed):
    echo.install("asyncllm-zecho", provider="echo", module="asyncllm_zecho")

    plugins = {plugin["distribution"]: plugin for plugin in listed("echo")}
    assert {"asyncllm-echo", "asyncllm-zecho"} == plugins.keys()
    (hidden,) = (plugin for plugin in plugins.values() if not plugin["ready"])
    (used,) = (plugin for plugin in plugins.values() if plugin["ready"])
    assert hidden["problems"] == [f"hidden by {used['distribution']} 0.1, which has the same name"]
    assert hidden["install"] is None


PLUGIN = "from asyncllm.testing import FakeProvider as Provider\nnothing = 5\n"
ABSTRACT = "from asyncllm import provider\nclass Provider(provider.Provider):\n    complete = None\n"


@pytest.mark.parametrize(
    ("source", "name", "problem"),
    [
        (PLUGIN, "Provider", None),
        (RAISES, "Provider", "fails while it is imported: RuntimeError('imported')"),
        ("import no_such_sdk", "Provider", "does not import: No module named 'no_such_sdk'"),
        ("def (", "Provider", "fails while it is imported: SyntaxError"),
        ("raise SystemExit(3)", "Provider", "fails while it is imported: SystemExit(3)"),
        (PLUGIN, "nothing", "is not an asyncllm.provider.Provider"),
        (PLUGIN, "Missing", "fails while it is imported: AttributeError"),
        (ABSTRACT, "Provider", "does not define rules"),
    ],
)
def test_what_only_shows_on_import_is_told_with_check(plugins, invoke, monkeypatch, source, name, problem):
    plugins.install("asyncllm-sick", provider="sick", module="asyncllm_sick", source=source, name=name)
    monkeypatch.delitem(sys.modules, "asyncllm_sick", raising=False)

    unchecked, checked = (
        {
            plugin["name"]: plugin["problems"]
            for plugin in json.loads(invoke("providers", "--json", *flags).stdout)
        }
        for flags in ([], ["--check"])
    )

    monkeypatch.delitem(sys.modules, "asyncllm_sick", raising=False)
    assert unchecked["sick"] == []
    assert (checked["sick"] == []) if problem is None else (problem in checked["sick"][0])
    assert checked["openai"] == checked["anthropic"] == []


@pytest.mark.parametrize("name", ["not valid", "", "x y:z"])
def test_an_entry_point_that_is_none_says_so_and_disturbs_nobody(plugins, listed, name):
    plugins.install("asyncllm-odd", provider="odd", module="odd odd", source=None, name=name)

    assert listed("odd")[0]["problems"] == [f"has an entry point that is none: 'odd odd:{name}'"]
    assert listed("openai")[0]["ready"]


def test_a_distribution_without_metadata_disturbs_nobody(plugins, listed):
    info = plugins.folder / "asyncllm_bare-0.1.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_text("[asyncllm.providers]\nbare = asyncllm_bare:Provider\n")
    (plugins.folder / "asyncllm_bare.py").write_text(PLUGIN)

    assert listed("bare")[0]["distribution"] == listed("bare")[0]["version"] == ""
    assert listed("bare")[0]["ready"]
    assert listed("openai")[0]["ready"]


def test_in_a_pipe_each_provider_is_a_line_with_tabs(plugins, invoke):
    plugins.install(
        "asyncllm-[odd]", provider="odd", module="odd", models=["odd-*", "[o]dd"], requires=["no-such-sdk"]
    )

    (line,) = (line for line in invoke("providers").stdout.splitlines() if line.startswith("odd\t"))
    assert line.split("\t") == [
        "odd",
        "asyncllm-[odd] 0.1",
        "odd-* [o]dd",
        "needs no-such-sdk, which is not installed; pip install 'asyncllm-[odd]'",
    ]


def test_the_sdks_of_the_installed_extras_are_found(listed):
    assert listed("openai")[0]["ready"]
    assert listed("anthropic")[0]["ready"]
