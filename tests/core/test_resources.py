"""What this process and the machine use: told at once, or over a block of code."""

import json
import logging
import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import anyio
import psutil
import pytest

from asyncllm import LLM, BaseLLM, InvalidParameter
from asyncllm.resources._gpus import GPU, GPUs, gpus
from asyncllm.resources._machine import Process, System, machine
from asyncllm.resources._processor import Busy, Look, Meter
from asyncllm.resources._sampled import Samples
from asyncllm.resources._sampler import Sampler
from asyncllm.resources._utilization import Utilization
from asyncllm.testing import FakeProvider

MEGABYTE = 2**20


class Holding(FakeProvider):
    """Tells of what it holds."""

    def __init__(self, *, thing=None, fails=()):
        super().__init__(reply="a b c")
        self.thing = thing or self
        self.fails = iter(fails)

    def gauges(self):
        if next(self.fails, False):
            raise OSError("too many open files")
        return {self.thing: {"things_held": 2, "things_free": 1}}


@pytest.fixture
def llm():
    return LLM("m", provider=FakeProvider)


def samplers():
    return [thread for thread in threading.enumerate() if thread.name == "asyncllm utilization"]


def work(seconds):
    """Keep the processor busy for so long."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_a_report_tells_of_the_process_and_the_machine(llm):
    report = llm.track_resource_utilization()

    assert report.process.memory > MEGABYTE
    assert report.process.threads >= threading.active_count() - 1
    assert report.process.handles >= 3
    assert report.system.cores == os.cpu_count()
    assert 0 < report.system.memory < report.system.memory_total
    assert report.system.memory_available == report.system.memory_total - report.system.memory
    assert report.gauges == {}


def test_the_threads_that_look_are_none_of_what_is_reported():
    threads, ended = psutil.Process().num_threads(), threading.Event()
    looking = [Sampler(ended.wait, "look") for _ in range(3)]
    for thread in looking:
        thread.start()
    now = Look.now()
    process, _ = machine(Meter(now), now)
    ended.set()

    assert process.threads == threads


def test_a_block_is_no_report_since_which_the_next_one_counts(llm):
    llm.track_resource_utilization().as_dict()
    began = time.perf_counter()
    work(0.1)
    with llm.track_resource_utilization() as usage:
        work(0.1)
    unread = llm.track_resource_utilization()
    report = llm.track_resource_utilization()

    assert report.process.cpu_over >= usage.seconds + 0.1
    assert report.process.cpu_over <= time.perf_counter() - began + 1
    assert unread.process.memory > 0


def test_a_report_that_watched_a_block_can_still_be_read(llm):
    report = llm.track_resource_utilization()
    with report as usage:
        pass

    assert report.process.memory > MEGABYTE
    assert usage.samples >= 2


def test_a_report_is_a_table_and_what_json_can_hold(llm):
    report = llm.track_resource_utilization()
    names = [line.partition("  ")[0] for line in str(report).splitlines()]

    assert names[:2] == ["process cpu", "process memory"]
    assert json.loads(json.dumps(report.as_dict()))["process"]["memory"] == report.process.memory


def test_a_report_stays_what_it_was(llm):
    report = llm.track_resource_utilization()
    before = report.as_dict()
    work(0.1)
    llm.track_resource_utilization().as_dict()

    assert report.as_dict() == before


def test_the_first_report_has_the_cpu_since_the_process_began():
    code = """
from asyncllm import LLM
from asyncllm.testing import FakeProvider
report = LLM("m", provider=FakeProvider).track_resource_utilization()
print(report.process.cpu > 1, report.process.cpu_over > 0.01)
print(report.system.cpu > 0, report.system.cpu_over > 1)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == ["True"] * 4
    assert done.stderr == ""


def test_later_reports_have_the_cpu_since_the_one_before(llm):
    llm.track_resource_utilization().as_dict()
    began = time.perf_counter()
    work(0.1)
    report = llm.track_resource_utilization()

    assert report.process.cpu > 0
    assert report.process.cpu_over < time.perf_counter() - began + 1


def test_who_asks_again_at_once_hears_of_a_while_all_the_same():
    look = Look(at=0, own=0, busy=0, total=0, cores=2)
    meter = Meter(look)
    first = meter.busy(Look(at=10, own=5, busy=10, total=20, cores=2))
    again = meter.busy(Look(at=10.001, own=5, busy=10, total=20, cores=2))

    assert first == Busy(own=50, own_over=10, system=50, system_over=10)
    assert again.own == pytest.approx(50, abs=0.1)
    assert again.system == 50


def test_a_time_too_short_to_tell_has_no_figure():
    look = Look(at=0, own=0, busy=0, total=0, cores=1)

    assert Busy.between(look, replace(look, at=0.001, own=0.001)) == Busy(
        own=None, own_over=0.001, system=None, system_over=0
    )


def test_a_block_has_means_and_peaks(llm):
    before = llm.track_resource_utilization().process.memory
    with llm.track_resource_utilization(interval=0.01) as usage:
        held = b"x" * (64 * MEGABYTE)
        work(0.2)

    assert len(held) == 64 * MEGABYTE
    assert usage.samples >= 2
    assert usage.missed == 0
    assert usage.seconds >= 0.2
    assert usage.mean.process.cpu > 0
    assert usage.mean.process.cpu_over == usage.seconds
    assert usage.peak.process.memory > before + 32 * MEGABYTE
    assert usage.mean.process.memory <= usage.peak.process.memory
    assert usage.mean.system.memory_total == usage.peak.system.memory_total


def test_a_blocks_figures_can_be_read_within_it_and_are_a_table_after(llm):
    with llm.track_resource_utilization() as usage:
        assert usage.peak.process.memory > 0
        assert usage.samples >= 1

    assert str(usage).splitlines()[0].split() == ["mean", "peak"]
    assert f"{usage.samples} samples" in str(usage)
    assert json.loads(json.dumps(usage.as_dict()))["samples"] == usage.samples


def test_an_error_in_the_block_goes_on_its_way_and_the_thread_ends(llm):
    with pytest.raises(KeyError), llm.track_resource_utilization() as usage:
        raise KeyError

    assert usage.samples >= 2
    assert samplers() == []


def test_blocks_may_stand_in_each_other(llm):
    with llm.track_resource_utilization() as outer:
        with llm.track_resource_utilization() as inner:
            assert len(samplers()) == 2
        assert len(samplers()) == 1

    assert samplers() == []
    assert outer.seconds > inner.seconds


def test_a_report_watches_one_block_at_a_time(llm):
    report = llm.track_resource_utilization()
    with report, pytest.raises(RuntimeError, match="ask the LLM for another"), report:
        pass
    with report as usage:
        pass

    assert usage.samples >= 2
    assert samplers() == []


@pytest.mark.anyio
async def test_an_asynchronous_block_is_watched_too(llm):
    async with llm.track_resource_utilization(interval=0.01) as usage:
        await llm.arun("?")

    assert usage.samples >= 2
    assert samplers() == []


@pytest.mark.anyio
async def test_cancelling_an_asynchronous_block_ends_it(llm):
    with anyio.CancelScope() as scope:
        async with llm.track_resource_utilization() as usage:
            scope.cancel()
            await anyio.sleep_forever()

    assert scope.cancelled_caught
    assert usage.samples >= 2
    assert samplers() == []


@pytest.mark.parametrize("interval", [0, -1, float("nan"), float("inf"), "1", True, None])
def test_an_interval_is_a_number_of_seconds(llm, interval):
    with pytest.raises(InvalidParameter, match=r"interval takes a number from 0\.01 to 3600"):
        llm.track_resource_utilization(interval=interval)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_leaves_the_block_and_has_reports_of_its_own():
    code = """
import os
from asyncllm import LLM
from asyncllm.testing import FakeProvider
llm = LLM("m", provider=FakeProvider)
with llm.track_resource_utilization(interval=0.01) as usage:
    assert usage.samples
    child = os.fork()
assert usage.mean.process.memory
with llm.track_resource_utilization() as own:
    pass
assert own.samples >= 2
assert llm.track_resource_utilization().process.memory
if child:
    assert os.waitpid(child, 0)[1] == 0
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_provider_that_nobody_asked_stays_closed():
    made = []

    def make():
        made.append(Holding())
        return made[-1]

    llm = LLM("m", provider=make)
    with llm.track_resource_utilization() as usage:
        pass

    assert llm.track_resource_utilization().gauges == usage.peak.gauges == {}
    assert [provider.opened for provider in made] == [0]


@pytest.mark.anyio
async def test_what_providers_hold_in_all_event_loops_is_added_up():
    llm = LLM("m", provider=Holding)
    await llm.arun("?")
    await anyio.to_thread.run_sync(llm.run, "?")

    assert llm.track_resource_utilization().gauges == {"things_held": 4, "things_free": 2}
    assert "things held      4" in str(llm.track_resource_utilization())
    await anyio.to_thread.run_sync(llm.close)
    assert llm.track_resource_utilization().gauges == {"things_held": 2, "things_free": 1}
    await llm.aclose()
    assert llm.track_resource_utilization().gauges == {}


@pytest.mark.anyio
async def test_what_providers_share_is_counted_once():
    llm = LLM("m", provider=Holding, thing="shared")
    await llm.arun("?")
    await anyio.to_thread.run_sync(llm.run, "?")

    assert llm.track_resource_utilization().gauges["things_held"] == 2
    await anyio.to_thread.run_sync(llm.close)
    await llm.aclose()


@pytest.mark.anyio
async def test_what_an_earlier_model_still_holds_counts():
    llm = LLM("m", provider=Holding)
    async with llm.astream("?") as stream:
        await anext(stream)
        llm.set_model_name("another")

        assert llm.track_resource_utilization().gauges["things_held"] == 2
    await llm.aclose()


def test_a_look_that_fails_is_counted_and_told_once(caplog):
    llm = LLM("m", provider=Holding, fails=[False, False, True, True])
    llm.run("?")
    with caplog.at_level(logging.WARNING), llm.track_resource_utilization(interval=0.01) as usage:
        while not usage.missed:
            time.sleep(0.01)

    assert usage.samples >= 1
    assert [record.getMessage() for record in caplog.records] == ["utilization not sampled error='OSError'"]
    llm.close()


def test_who_looks_at_a_report_that_failed_hears_why():
    llm = LLM("m", provider=Holding, fails=[True] * 2)
    llm.run("?")

    report = llm.track_resource_utilization()
    with pytest.raises(OSError, match="too many"):
        str(report)
    with suppress(KeyError), report as usage:
        raise KeyError
    with pytest.raises(OSError, match="too many"):
        str(usage)
    assert samplers() == []
    llm.close()


def test_a_class_that_answers_by_itself_has_a_report():
    class Shout(BaseLLM):
        def run(self, task, *args, **kwargs):
            return task.upper()

    with Shout().track_resource_utilization() as usage:
        pass

    assert usage.peak.process.memory > MEGABYTE
    assert usage.peak.gauges == {}


def used(*, cpu, gauges):
    return Utilization(
        process=Process(cpu=cpu, cpu_over=123.4, memory=3 * MEGABYTE, threads=2, handles=1000),
        system=System(cpu=None, cpu_over=0.25, cores=2, memory=1024, memory_total=2**34),
        gpus=(GPU(name="Big One", memory=2**33, memory_total=2**34, memory_own=None, load=7),),
        gauges=gauges,
    )


def test_a_mean_is_over_what_is_known_and_what_is_not_open_holds_nothing():
    samples = sum(
        (Samples.of(used(cpu=cpu, gauges=gauges)) for cpu, gauges in [(40, {"a": 3}), (20, {"b": 6})]),
        Samples.of(used(cpu=None, gauges={})),
    )

    assert (samples.mean.process.cpu, samples.peak.process.cpu) == (30, 40)
    assert (samples.mean.gauges, samples.peak.gauges) == ({"a": 1, "b": 2}, {"a": 3, "b": 6})
    assert samples.mean.gpus == samples.peak.gpus == used(cpu=0, gauges={}).gpus
    assert samples.mean.system.cpu is None


def test_the_table():
    assert (
        str(used(cpu=104.2, gauges={"context_used": 1.25}))
        == """\
process cpu       104 % of one core, over 123 s
process memory    3 MiB
process threads   2
process handles   1,000
system cpu        unknown of 2 cores, over 0.25 s
system memory     1 KiB of 16 GiB
GPU 0 load        7 % Big One
GPU 0 memory      8 GiB of 16 GiB
GPU 0 memory own  unknown
context used      1.2"""
    )


class NoDriver(Exception):
    pass


class MadeUpNVML:
    """Two GPUs, of which the second tells nothing but its name."""

    NVMLError = NoDriver

    def __init__(self, *, has_driver=True, lost=()):
        self.has_driver = has_driver
        self.lost = lost
        self.begun = 0

    def nvmlInit(self):  # noqa: N802
        self.begun += 1
        if not self.has_driver:
            raise NoDriver

    def nvmlDeviceGetCount(self):  # noqa: N802
        return 2

    def nvmlDeviceGetHandleByIndex(self, index):  # noqa: N802
        if index in self.lost:
            raise NoDriver
        return index

    def nvmlDeviceGetName(self, handle):  # noqa: N802
        return f"Made up {handle}"

    def nvmlDeviceGetMemoryInfo(self, handle):  # noqa: N802
        return self.told(handle, SimpleNamespace(total=80, used=30))

    def nvmlDeviceGetUtilizationRates(self, handle):  # noqa: N802
        return self.told(handle, SimpleNamespace(gpu=55, memory=5))

    def nvmlDeviceGetComputeRunningProcesses(self, handle):  # noqa: N802
        mine = SimpleNamespace(pid=os.getpid(), usedGpuMemory=20)
        return self.told(handle, [mine, SimpleNamespace(pid=1, usedGpuMemory=10)])

    def nvmlDeviceGetGraphicsRunningProcesses(self, handle):  # noqa: N802
        return self.told(handle, [SimpleNamespace(pid=os.getpid(), usedGpuMemory=None)])

    def told(self, handle, value):
        if handle == 1:
            raise NoDriver
        return value


def test_gpus_are_told_as_far_as_their_driver_tells():
    assert GPUs(MadeUpNVML()).now() == (
        GPU(name="Made up 0", memory=30, memory_total=80, memory_own=20, load=55),
        GPU(name="Made up 1", memory=None, memory_total=None, memory_own=None, load=None),
    )


@pytest.mark.parametrize("lost", [0, 1])
def test_a_gpu_that_is_lost_takes_no_other_with_it(lost):
    found = GPUs(MadeUpNVML(lost={lost})).now()

    assert found[lost] == GPU(name=f"GPU {lost}", memory=None, memory_total=None, memory_own=None, load=None)
    assert found[1 - lost].name == f"Made up {1 - lost}"


def test_without_a_driver_there_are_none_and_nobody_looks_again():
    library = MadeUpNVML(has_driver=False)
    found = GPUs(library)

    assert found.now() == found.now() == GPUs(None).now() == ()
    assert library.begun == 1
    assert gpus() is gpus()


@pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="there is a driver")
def test_the_library_itself_finds_none_here(llm):
    assert llm.track_resource_utilization().gpus == ()
    assert "none that NVML knows" in str(llm.track_resource_utilization())
