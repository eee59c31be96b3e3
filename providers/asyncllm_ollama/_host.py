"""Where Ollama listens."""

from __future__ import annotations

import re
from collections.abc import Mapping

PORT = "11434"
CLOUD = "ollama.com"

CONNECTABLE: Mapping[str, str] = {
    "":        "127.0.0.1",
    "0.0.0.0": "127.0.0.1",  # noqa: S104
    "[::]":    "[::1]",
}  # fmt: skip
"""Where a client finds a server that listens everywhere."""

_NAME_AND_PORT = re.compile(r"(\[.*\]|[^:]*)(?::([^:@]*))?")


def address(variable: str) -> str:
    """
    Return the address that the environment's ``OLLAMA_HOST`` stands for.

    It is read as Ollama reads it: of ``"0.0.0.0"``, http://127.0.0.1:11434. An
    address that starts with its scheme has that scheme's port.
    """
    said = variable.strip().strip("\"'").strip()
    scheme, mark, rest = said.partition("://")
    if not mark:
        scheme, rest = ("https" if said == CLOUD else "http"), said
    server, _, path = rest.partition("/")
    found = _NAME_AND_PORT.fullmatch(server)
    # What has several colons is an IPv6 address without its brackets.
    name, port = found.groups() if found else (f"[{server}]", None)
    if not port and scheme == "http" and not mark:
        port = PORT
    return f"{scheme}://{CONNECTABLE.get(name, name)}" + (f":{port}" if port else "") + f"/{path}".rstrip("/")
