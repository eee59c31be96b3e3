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
from ._report import Report
from ._tracked import Tracked
from ._utilization import Utilization

__all__ = ["GPU", "Process", "Report", "Resources", "System", "Tracked", "Utilization"]
