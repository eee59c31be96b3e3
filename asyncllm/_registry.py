"""Find installed providers by their entry points."""

from __future__ import annotations

import functools
import importlib.metadata
import inspect
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, cast

from . import _log
from ._vocabulary import unknown
from .errors import InvalidParameter, ProviderNotInstalled, UnknownModel, UnknownProvider
from .provider import Provider

PROVIDERS = "asyncllm.providers"
"""The entry-point group of providers: ``openai = "asyncllm_openai:OpenAIProvider"``."""
MODELS = "asyncllm.models"
"""The group of the bare model names that they claim: ``"gpt-*" = "asyncllm_openai:OpenAIProvider"``."""

OWN = "asyncllm-framework"
"""The distribution that asyncllm itself comes in."""

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
    return tuple(sorted(registered()))


def entry_points(group: str) -> tuple[EntryPoint, ...]:
    """
    Return the entry points of *group*, without importing any.

    Those of asyncllm itself come first, so that nobody takes a provider's name, and
    with it the keys that are meant for it; the others by their distributions' names,
    so that which of two is used does not hang on the order of a folder.
    """
    return _entry_points(group, tuple(map(_as_of, sys.path)))


# Reading them takes milliseconds, a thousand times as long as to see that nothing was installed since.
@functools.lru_cache(maxsize=8)
def _entry_points(group: str, _: tuple[tuple[str, int], ...]) -> tuple[EntryPoint, ...]:
    return tuple(sorted(importlib.metadata.entry_points(group=group), key=_rank))


def _as_of(folder: str) -> tuple[str, int]:
    """Return *folder* and when anything was last put into it."""
    try:
        return folder, Path(folder).stat().st_mtime_ns
    except OSError:
        return folder, 0


def registered() -> dict[str, EntryPoint]:
    """Return the entry point of each provider by name; of several with one name, the one that is used."""
    used: dict[str, EntryPoint] = {}
    for entry_point in entry_points(PROVIDERS):
        used.setdefault(entry_point.name, entry_point)
    return used


def _rank(entry_point: EntryPoint) -> tuple[bool, str]:
    origin = distribution_of(entry_point)
    return origin != OWN, origin


def distribution_of(entry_point: EntryPoint) -> str:
    """Return the name of the distribution that *entry_point* comes from; empty where nobody knows."""
    return (entry_point.dist and cast("str | None", entry_point.dist.name)) or ""


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
    providers = registered()
    if colon and provider in providers:
        if not rest:
            raise UnknownModel(f"{name!r} names no model; write '{provider}:model'")
        return provider, rest

    claims = {entry.value for entry in entry_points(MODELS) if fnmatchcase(name.lower(), entry.name.lower())}
    claimants = sorted(name for name, entry in providers.items() if entry.value in claims)
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

    entry_point, *others = found
    for other in others:
        _warn_hidden(name, _origin(entry_point), _origin(other))
    try:
        loaded = entry_point.load()
    except ImportError as exc:
        raise ProviderNotInstalled(
            f"the provider {name!r} does not import: {exc}. {_advice(entry_point)}"
        ) from exc
    except (Exception, SystemExit) as exc:
        raise ProviderNotInstalled(
            f"the provider {name!r} ({entry_point.value}) fails while it is imported: {exc!r}"
        ) from exc
    if not (isinstance(loaded, type) and issubclass(loaded, Provider)):
        raise ProviderNotInstalled(
            f"the provider {name!r} ({entry_point.value}) is not an asyncllm.provider.Provider"
        )
    if inspect.isabstract(loaded):
        raise ProviderNotInstalled(
            f"the provider {name!r} ({entry_point.value}) does not define "
            f"{', '.join(sorted(loaded.__abstractmethods__))}"
        )

    return loaded


@functools.cache
def _warn_hidden(name: str, used: str, hidden: str) -> None:
    """Say, once, that *name* is not only the name of the provider that is used."""
    _log.warn("provider_hidden", provider=name, used=used, hidden=hidden)


def _origin(entry_point: EntryPoint) -> str:
    return distribution_of(entry_point) or entry_point.value


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
