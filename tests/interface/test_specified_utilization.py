"""What a process and its models use, at a moment or over a block of code."""

import json

import pytest

TASK = "Name a colour."


def test_the_report_tells_what_is_used_now_and_asks_nobody(subject):
    with subject.make(max_tokens=2) as llm:
        llm.run(TASK)
        report = llm.track_resource_utilization()

        assert report.process.memory > 2**20
        assert report.process.threads >= 2
        assert report.system.memory_total > report.process.memory
        assert llm.metrics().calls == 1
        gauges = report.gauges
    if subject.is_local:
        assert gauges["context_size"] >= gauges["context_used"] > 0
        assert gauges["sequences_running"] == 0
    else:
        assert gauges["connections_open"] >= 1
        assert len(subject.bodies) == 1


def test_the_report_is_a_small_table_and_json(llm):
    report = llm.track_resource_utilization()
    table = str(report)

    assert table.splitlines()[0].startswith("process cpu")
    assert "system memory" in table
    assert json.loads(json.dumps(report.as_dict()))["process"]["memory"] == report.process.memory


def test_over_a_block_there_are_peaks_and_means(llm):
    with llm.track_resource_utilization() as usage:
        llm.run(TASK)

    assert usage.peak.process.memory >= usage.mean.process.memory > 2**20
    assert usage.seconds > 0
    assert usage.samples >= 2
    assert usage.mean.process.threads >= 2
    assert str(usage).split()[:2] == ["mean", "peak"]


@pytest.mark.anyio
async def test_no_event_loop_waits_for_it(subject):
    async with subject.make() as llm:
        async with llm.track_resource_utilization() as usage:
            await llm.arun(TASK)

        assert usage.peak.process.threads >= 2
