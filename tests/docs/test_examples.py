"""The examples run, on the model that the demo extra brings."""

import os
import re
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

PATIENCE = 300
pytestmark = pytest.mark.timeout(PATIENCE + 30)

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
ENVIRONMENT = {"OMP_WAIT_POLICY": "passive", "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0", **os.environ}
"""Threads that wait for each other spin otherwise, and Ray builds environments: both take minutes."""


def output_of(*command):
    done = subprocess.run(
        [sys.executable, *command],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        cwd=ROOT,
        env=ENVIRONMENT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_quickstart_prints_an_answer_and_what_is_known_of_it():
    answer, *_, known = output_of(EXAMPLES / "quickstart.py").strip().splitlines()

    assert answer
    assert re.match(r"(stop|stop_sequence|length) Usage\(input_tokens=\d+", known)


@pytest.mark.parametrize("flags", [[], ["--trio"]], ids=["asyncio", "trio"])
def test_streaming_leaves_when_there_is_enough(flags):
    assert re.search(r"-- cancelled after 20\d characters", output_of(EXAMPLES / "streaming.py", *flags))


def test_concurrent_batch_keeps_what_succeeds():
    lines = output_of(EXAMPLES / "concurrent_batch.py").strip().splitlines()

    assert lines[0].startswith("What is the capital of France?")
    assert lines[-1].startswith("'': InvalidTask(")


@pytest.mark.slow
def test_a_dataset_of_ray_is_answered_row_by_row():
    pytest.importorskip("ray")
    done = subprocess.run(  # Ray tells on standard error what it does.
        [sys.executable, EXAMPLES / "ray_dataset.py"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        cwd=ROOT,
        env=ENVIRONMENT,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    rows = [line.split(" | ") for line in done.stdout.splitlines() if " | " in line]
    assert {row[0] for row in rows} == {"France", "Japan", "Kenya", "Peru"}
    assert all(answer and int(tokens) <= 12 for _, answer, tokens in rows)


def test_the_web_service_streams_and_stops_when_the_client_leaves():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "--app-dir",
        EXAMPLES,
        "--port",
        str(port),
        "fastapi_stream:app",
    ]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=ENVIRONMENT
    ) as service:
        try:
            for line in service.stdout:
                if "Uvicorn running" in line:
                    break
            url = f"http://127.0.0.1:{port}/answer?task=Tell+me+a+very+long+story."
            with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
                assert answer.read(20)
            for line in service.stdout:
                if sent := re.match(r"sent (\d+) characters", line):
                    break
        finally:
            service.terminate()

    # A thousand tokens are about four thousand characters.
    assert 20 <= int(sent[1]) < 2000
