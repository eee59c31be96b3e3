"""The floors of the house hold, and what is installed is what was meant."""

import importlib.metadata
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_imports_run_down_only():
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_each_top_level_package_says_that_it_is_typed():
    for package in (
        "asyncllm",
        "providers/asyncllm_openai",
        "providers/asyncllm_anthropic",
        "providers/asyncllm_llamacpp",
    ):
        assert (ROOT / package / "py.typed").exists()


@pytest.fixture
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_what_is_installed_is_what_pyproject_says(project):
    installed = importlib.metadata.distribution("asyncllm-framework")

    assert installed.version == project["version"]
    assert {*project["optional-dependencies"]} == {*installed.metadata.get_all("Provides-Extra")}
    for group, entries in project["entry-points"].items():
        found = {entry.name: entry.value for entry in installed.entry_points if entry.group == group}
        assert found == entries


def test_every_provider_has_an_extra_that_brings_what_it_needs(project):
    assert {*project["entry-points"]["asyncllm.providers"]} <= {*project["optional-dependencies"]}


def test_every_claim_on_a_model_is_that_of_a_provider(project):
    providers, models = (
        set(project["entry-points"][f"asyncllm.{group}"].values()) for group in ("providers", "models")
    )

    assert models <= providers
