"""``asyncllm providers``: what is installed, and what is missing."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from ._outcomes import explained, keys_in

if TYPE_CHECKING:
    from ._installed import Installed

COLUMNS = ("provider", "from", "claims", "state")


def providers(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the list as JSON.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Import each of them, and say what is wrong with it.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", envvar="ASYNCLLM_DEBUG", help="Show where an error came from.")
    ] = False,
) -> None:
    """List the installed providers and what each of them lacks, without importing any unless told to."""
    from . import _print
    from ._installed import installed

    with explained(debug=debug, keys=keys_in()):
        plugins = installed(check=check)
        if as_json:
            listed = [{**asdict(plugin), "ready": not plugin.problems} for plugin in plugins]
            sys.stdout.write(json.dumps(listed, indent=2) + "\n")
        else:
            well = "ready" if check else "installed"
            _print.table(COLUMNS, (_row(plugin, well) for plugin in plugins))


def _row(plugin: Installed, well: str) -> tuple[str, ...]:
    origin = f"{plugin.distribution} {plugin.version}".strip()
    return plugin.name, origin, " ".join(plugin.models), "\n".join(_state(plugin, well))


def _state(plugin: Installed, well: str) -> Iterator[str]:
    """Yield what stands in the plugin's way and what to do about it; or else that all is *well*."""
    yield from plugin.problems or (well,)
    if plugin.install:
        yield plugin.install
