"""What an LLM uses of the machine that it runs on."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

from asyncllm._kinds import Number
from asyncllm._model import Model
from asyncllm._vocabulary import Parameter

from ._report import UtilizationReport

INTERVAL = Parameter(Number(low=0.01, high=3600), "Look again after this long.", "seconds")


class Resources:
    """The method of an LLM that tells what it uses."""

    _llm_model: Model

    def track_resource_utilization(self, *, interval: float = 0.25) -> UtilizationReport:
        """
        Return what this process and the machine use now, and what this LLM holds open; or watch a block.

        ::

            print(llm.track_resource_utilization())

            with llm.track_resource_utilization() as usage:  # or async with
                llm.batch_run(tasks)
            print(usage)
            print(usage.peak.process.memory, usage.mean.process.cpu)

        Memory, threads and whatever is open are those of this moment. How busy the
        CPU is takes some time to tell: a report says it of the time since the last
        report of this process, and the first one of the time since the process
        began (and, for the system, since it was started); ``cpu_over`` is how long
        that was. In a block it is the block's own time. Nothing is opened or loaded
        for a report, and the model is not asked.

        Args:
            interval: Look again after so many seconds, from 0.01 on, in a block.

        Raises:
            InvalidParameter: *interval* is out of its range.
        """
        return UtilizationReport(self._llm_gauges, INTERVAL.check("interval", interval))

    def _llm_gauges(self) -> dict[str, float]:
        """Add up what the open providers tell, with what several of them share only once."""
        things: dict[Hashable, Mapping[str, float]] = {}
        for provider in self._llm_model.opened:
            things.update(provider.gauges())
        sums: dict[str, float] = {}
        for figures in things.values():
            for name, value in figures.items():
                sums[name] = sums.get(name, 0) + value
        return sums
