"""Find installed providers by their entry points."""

from __future__ import annotations

import importlib.metadata
import inspect
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.metadata import EntryPoint
from typing import Any, cast

from ._vocabulary import unknown
from .errors import InvalidParameter, ProviderNotInstalled, UnknownModel, UnknownProvider
from .provider import Provider

PROVIDERS = "asyncllm.providers"
"""The entry-point group of providers: ``openai = "asyncllm_openai:OpenAIProvider"``."""
MODELS = "asyncllm.models"
"""The group of the bare model names that they claim: ``"gpt-*" = "asyncllm_openai:OpenAIProvider"``."""

DEFAULT_MODEL = "llamacpp:smollm2-135m-instruct"


@dataclass(frozen=True, slots=True)
class Source:
    """Where answers come from."""

    provider: str
    """The provider's name; empty where the caller brought it."""
    model: str
    maker: Callable[..., Provider]
    """What makes the provider from its settings."""


def available() -> tuple[str, ...]:
    """Return the names of all installed providers, without importing any."""
    return tuple(sorted({entry_point.name for entry_point in entry_points(PROVIDERS)}))


def entry_points(group: str) -> tuple[EntryPoint, ...]:
    """Return the entry points of *group*, without importing any."""
    return tuple(importlib.metadata.entry_points(group=group))


def find(model: str | None, provider: Callable[..., Provider] | None) -> Source:
    """
    Return the source that a caller named: an installed provider, or the one brought along.

    Raises:
        InvalidParameter: *model* is no text, or *provider* makes no provider.
        UnknownProvider, UnknownModel, ProviderNotInstalled: See :func:`resolve` and :func:`load`.
    """
    if not isinstance(cast("Any", model), str | None):
        raise InvalidParameter(f"model takes a text; got {model!r}")
    if provider is None:
        name, rest = resolve(model)
        try:
            return Source(name, rest, load(name))
        except ProviderNotInstalled as exc:
            if model is not None or os.environ.get("ASYNCLLM_MODEL"):
                raise
            raise ProviderNotInstalled(
                f"no model was named, and the default, {DEFAULT_MODEL}, is not installed: name one, set "
                f"ASYNCLLM_MODEL, or pip install 'asyncllm-framework[demo]'"
            ) from exc
    if not callable(provider):
        raise InvalidParameter(
            f"provider takes a provider's class, or what makes one; got a {type(provider).__name__}"
        )

    return Source("", model or "", provider)


def check_settings(settings: Iterable[str], maker: Callable[..., Provider], *, known: Iterable[str]) -> None:
    """
    Raise where a keyword is neither *known* otherwise nor a setting of what *maker* makes.

    Raises:
        UnknownParameter: With the nearest that there is.
    """
    taken = inspect.signature(maker).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken.values()):
        return

    for name in settings:
        if name not in taken:
            raise unknown(name, {*known, *taken} - {"settings"})


def resolve(model: str | None) -> tuple[str, str]:
    """
    Return provider and model for what a caller wrote.

    ``"provider:model"`` says both; a bare model name belongs to the provider
    that claims it; None is ``ASYNCLLM_MODEL``, or else the small model of the
    ``demo`` extra.

    Raises:
        UnknownProvider: No plugin has the name before the colon.
        UnknownModel: No plugin claims the bare name, or several do.
    """
    name = os.environ.get("ASYNCLLM_MODEL") or DEFAULT_MODEL if model is None else model
    provider, colon, rest = name.partition(":")
    if colon and provider in available():
        if not rest:
            raise UnknownModel(f"{name!r} names no model; write '{provider}:model'")
        return provider, rest

    claims = {entry.value for entry in entry_points(MODELS) if fnmatchcase(name.lower(), entry.name.lower())}
    claimants = sorted({entry.name for entry in entry_points(PROVIDERS) if entry.value in claims})
    if len(claimants) == 1:
        return claimants[0], name

    if claimants:
        spelt = ", ".join(f"'{claimant}:{name}'" for claimant in claimants)
        raise UnknownModel(f"several providers claim {name!r}; write one of {spelt}")
    if colon:
        raise UnknownProvider(f"no provider {provider!r}; installed: {', '.join(available())}")
    raise UnknownModel(
        f"no installed provider claims the model {name!r}; "
        f"write 'provider:{name}' with one of: {', '.join(available())}"
    )


def load(name: str) -> type[Provider]:
    """
    Import the one provider called *name*.

    Raises:
        UnknownProvider: No plugin has this name.
        ProviderNotInstalled: It does not import, or is no provider.
    """
    found = [entry_point for entry_point in entry_points(PROVIDERS) if entry_point.name == name]
    if not found:
        raise UnknownProvider(f"no provider {name!r}; installed: {', '.join(available())}")

    entry_point = found[0]
    try:
        loaded = entry_point.load()
    except ImportError as exc:
        raise ProviderNotInstalled(
            f"the provider {name!r} does not import: {exc}. {_advice(entry_point)}"
        ) from exc
    except Exception as exc:
        raise ProviderNotInstalled(
            f"the provider {name!r} ({entry_point.value}) fails while it is imported: {exc!r}"
        ) from exc
    if not (isinstance(loaded, type) and issubclass(loaded, Provider)):
        raise ProviderNotInstalled(
            f"the provider {name!r} ({entry_point.value}) is not an asyncllm.provider.Provider"
        )

    return loaded


def installable(entry_point: EntryPoint) -> str | None:
    """
    Return what to give to ``pip install`` for the provider to work; None where nobody says.

    By convention a distribution names the extra that a provider needs like the provider.
    """
    if entry_point.dist is None:
        return None

    extras = entry_point.dist.metadata.get_all("Provides-Extra") or ()
    is_extra = entry_point.name.replace("_", "-").lower() in {extra.lower() for extra in extras}
    return f"{entry_point.dist.name}[{entry_point.name}]" if is_extra else entry_point.dist.name


def _advice(entry_point: EntryPoint) -> str:
    named = installable(entry_point)
    return f"Install what it needs: pip install '{named}'" if named else f"It comes from {entry_point.value}."
