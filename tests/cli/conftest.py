"""A provider without a model, installed as a stranger's is: a module and its metadata on the path."""

import importlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner


class Plugins:
    """A folder on the path, and what is installed in it."""

    def __init__(self, folder):
        self.folder = folder

    def install(
        self, distribution, *, provider, module, source="", name="Provider", models=(), requires=(), extras=()
    ):
        info = self.folder / f"{distribution.replace('-', '_')}-0.1.dist-info"
        info.mkdir()
        described = [("Metadata-Version", "2.4"), ("Name", distribution), ("Version", "0.1")]
        described += [("Requires-Dist", requirement) for requirement in requires]
        described += [("Provides-Extra", extra) for extra in extras]
        (info / "METADATA").write_text("".join(f"{key}: {value}\n" for key, value in described))
        target = f"{module}:{name}"
        claims = "".join(f"{pattern} = {target}\n" for pattern in models)
        (info / "entry_points.txt").write_text(
            f"[asyncllm.providers]\n{provider} = {target}\n[asyncllm.models]\n{claims}"
        )
        if source is not None:
            (self.folder / f"{module}.py").write_text(source)
        importlib.invalidate_caches()


@pytest.fixture
def plugins(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    return Plugins(tmp_path)


@pytest.fixture
def echo(plugins, monkeypatch):
    source = Path(__file__).with_name("echo_plugin.py").read_text() + "\n\nProvider = EchoProvider\n"
    plugins.install(
        "asyncllm-echo", provider="echo", module="asyncllm_echo", source=source, models=["echo-*"]
    )
    yield plugins
    monkeypatch.delitem(sys.modules, "asyncllm_echo", raising=False)


@pytest.fixture
def invoke(monkeypatch):
    """Run a command in this process."""
    from asyncllm.cli._app import app

    for name in ("ASYNCLLM_DEBUG", "ASYNCLLM_MODEL", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return lambda *args, **kwargs: CliRunner().invoke(app, args, **kwargs)


@pytest.fixture
def start(tmp_path):
    """Start a command as a shell does."""
    running = []
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    # Where this process itself ignores Ctrl-C, as one in the background does, a child would inherit that.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def start(*args, program=(sys.executable, "-m", "asyncllm"), **pipes):
        process = subprocess.Popen(
            [*program, *args],
            encoding="utf-8",
            env={**os.environ, "PYTHONPATH": path},
            **{"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **pipes},
        )
        running.append(process)
        return process

    yield start
    signal.signal(signal.SIGINT, before)
    for process in running:
        process.kill()
        process.communicate()
