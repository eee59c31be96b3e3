"""
llama.cpp's own server (C++), for as long as standard input stays open.

It runs on the Python that has ``xllamacpp``, so it imports nothing else::

    python serve.py '{"model": "model.gguf", "slots": 8, "room": 1024, "threads": 4, "gpu_layers": 0}'

The first line that it prints is JSON: its address, and what it was built with.
"""

import importlib.metadata
import json
import sys

import xllamacpp


def main(given: str) -> None:
    """Serve until whoever started this goes away."""
    wanted = json.loads(given)
    params = xllamacpp.CommonParams()
    params.model.path = wanted["model"]
    params.hostnames, params.port = ["127.0.0.1"], 0
    params.n_parallel = wanted["slots"]
    params.n_ctx = wanted["slots"] * wanted["room"]
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = wanted["threads"]
    params.n_gpu_layers = wanted["gpu_layers"]
    params.offline, params.ui, params.use_jinja = True, False, True
    params.verbosity = 1
    # What a slot forgets would be copied here: work that nobody asks for again.
    params.cache_ram_mib = 0

    server = xllamacpp.Server(params)
    told = {
        "address": server.listening_address,
        "version": importlib.metadata.version("xllamacpp"),
        "system": xllamacpp.get_system_info(),
    }
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
