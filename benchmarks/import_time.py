"""
How long `import asyncllm` takes, beside its three dependencies alone.

Each import is timed in fresh interpreters, turn by turn, so that whatever else
the machine does falls on both alike. Run it with the environment's own Python::

    python benchmarks/import_time.py [runs]
"""

import statistics
import subprocess
import sys

IMPORTS = ("import anyio, structlog, tenacity", "import asyncllm")
TIMED = "import time; began = time.perf_counter(); {}; print(time.perf_counter() - began)"
AT_MOST = 1.5


def seconds(statement: str) -> float:
    """Time *statement* in an interpreter of its own."""
    command = [sys.executable, "-c", TIMED.format(statement)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main(runs: int = 15) -> None:
    """Print the medians and their ratio; exit with 1 where that is too high."""
    for statement in IMPORTS:
        seconds(statement)  # The first writes the bytecode.
    times = [[seconds(statement) for statement in IMPORTS] for _ in range(runs)]

    theirs, ours = (statistics.median(column) for column in zip(*times, strict=True))
    for statement, median in zip(IMPORTS, (theirs, ours), strict=True):
        print(f"{median * 1000:7.1f} ms  {statement}")
    print(f"{ours / theirs:7.2f} x    at most {AT_MOST}; medians of {runs} runs each")
    sys.exit(ours > AT_MOST * theirs)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
