"""Look at what is installed, set up and there, and at what a model is run on."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from asyncllm._llm import LLM
from asyncllm._model import Model
from asyncllm._registry import OWN, find, load
from asyncllm.errors import ProviderNotInstalled

from ._installed import Installed, installed, versions


def facts() -> dict[str, Any]:
    """Return what holds whatever model is asked: by section, what is called how, and what it is."""
    return {
        "asyncllm": {
            "version": version(OWN),
            "python": platform.python_version(),
            "platform": platform.platform(),
        },
        **{plugin.name: _provider(plugin) for plugin in installed()},
    }


def adjusted(llm: LLM) -> list[str]:
    """
    Return what does not reach the model as asked.

    Raises:
        UnsupportedParameter: What is required is not done.
    """
    plan = llm.plan("?")
    if plan.refusal is not None:
        raise plan.refusal
    return [str(adjustment) for adjustment in plan.adjustments]


async def examined(
    name: str, settings: Mapping[str, Any], parameters: Mapping[str, Any], like: str | None
) -> dict[str, Any]:
    """Return what the model called *name* is run on, as its provider tells."""
    model = Model(find(name, None), dict(settings), known=(), like=like)
    try:
        async with model.use() as provider:
            return dict(await provider.examine(model.applied("?", parameters).request))
    finally:
        await model.aclose()


def _provider(plugin: Installed) -> dict[str, Any]:
    """Return what a provider finds, or what stands in its way."""
    origin = {"from": f"{plugin.distribution} {plugin.version}".strip()}
    if plugin.problems:
        advice = {"install": plugin.install} if plugin.install else {}
        return {**origin, "state": "; ".join(plugin.problems), **advice}

    try:
        provider = load(plugin.name)
    except ProviderNotInstalled as error:
        return {**origin, "state": str(error)}

    try:
        found = dict(provider.describe())
    except Exception as error:  # noqa: BLE001  a stranger's code: what it fails with is what is found
        found = {"state": f"cannot tell: {error!r}"}
    return {**origin, "state": "ready", **versions(plugin.name), **found}
