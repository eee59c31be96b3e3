"""
What ``llm.track_resource_utilization()`` returns: what a process and its machine use.

::

    with llm.track_resource_utilization() as usage:
        llm.batch_run(tasks)
    print(usage.peak.process.memory)
"""

from ._gpus import GPU
from ._machine import Process, System
from ._method import Resources
from ._report import UtilizationReport
from ._tracker import UtilizationTracker
from ._utilization import Utilization

__all__ = [
    "GPU",
    "Process",
    "Resources",
    "System",
    "Utilization",
    "UtilizationReport",
    "UtilizationTracker",
]
