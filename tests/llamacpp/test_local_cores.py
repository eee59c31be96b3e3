"""How many threads compute where nobody says."""

import os

import pytest

from asyncllm_llamacpp import _cores
from asyncllm_llamacpp._cores import cores

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system tells less")


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine on which one core serves two processors: 0 and 1, 2 and 3, ..."""

    def make(*allowed, quota=None, told=1000):
        for cpu in allowed:
            (tmp_path / str(cpu)).write_text(f"{cpu // 2 * 2}-{cpu // 2 * 2 + 1}")
        if quota is not None:
            (tmp_path / "cpu.max").write_text(quota)
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(allowed))
        monkeypatch.setattr(os, "process_cpu_count", lambda: told, raising=False)
        monkeypatch.setattr(_cores, "_SIBLINGS", f"{tmp_path}/{{}}")
        monkeypatch.setattr(_cores, "_QUOTA", tmp_path / "cpu.max")

    return make


def test_there_are_no_more_threads_than_processors_here():
    assert 1 <= cores() <= len(os.sched_getaffinity(0))


def test_two_processors_of_a_core_count_once(machine):
    machine(0, 1, 2, 3, 6)

    assert cores() == 3


@pytest.mark.parametrize(
    ("quota", "threads"), [("max 100000\n", 4), ("250000 100000\n", 2), ("50000 100000\n", 1)]
)
def test_a_container_gets_its_share(machine, quota, threads):
    machine(*range(8), quota=quota)

    assert threads == cores()


def test_what_python_was_told_counts(machine):
    machine(*range(8), told=2)

    assert cores() == 2


def test_no_machine_is_too_large(machine):
    machine(*range(2000))

    assert cores() == _cores.MOST_THREADS
