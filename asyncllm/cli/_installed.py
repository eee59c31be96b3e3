"""Look at what is installed, without importing any of it unless asked to."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, PackageNotFoundError, distribution
from typing import cast

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion

from asyncllm._registry import MODELS, PROVIDERS, distribution_of, entry_points, installable, load, registered
from asyncllm.errors import ProviderNotInstalled


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A provider's plugin, as its distribution describes it."""

    name: str
    entry_point: str
    """Where its class is: ``asyncllm_openai:OpenAIProvider``."""
    distribution: str
    version: str
    models: tuple[str, ...]
    """The patterns of the bare model names that it claims."""
    problems: tuple[str, ...]
    """What stands in its way; empty where nothing does."""
    install: str | None
    """What to do about it."""


def installed(*, check: bool = False) -> tuple[Installed, ...]:
    """
    Return every installed provider by name; of several with one name, the one that is used first.

    Args:
        check: Import each of them too: only that shows whether it is a provider.
    """
    used = registered()
    plugins = [
        _described(entry_point, used[entry_point.name], check=check)
        for entry_point in entry_points(PROVIDERS)
    ]
    return tuple(sorted(plugins, key=lambda plugin: plugin.name))


def versions(name: str) -> dict[str, str]:
    """Return the versions of what the provider called *name* needs in the extra of its name."""
    owner = registered()[name].dist
    if owner is None:
        return {}

    always = {canonicalize_name(requirement.name) for requirement in _requirements(owner, extra="")}
    needed = [requirement.name for requirement in _requirements(owner, extra=name)]
    found = {each: _found(each) for each in needed if canonicalize_name(each) not in always}
    return {each: version for each, version in found.items() if version is not None}


def _described(entry_point: EntryPoint, used: EntryPoint, *, check: bool) -> Installed:
    hidden = (
        [f"hidden by {_origin(used)}, which has the same name"]
        if _identity(entry_point) != _identity(used)
        else []
    )
    needs = [f"needs {need}" for need in _unmet(entry_point)]
    lost = list(_lost(entry_point))
    broken = list(_broken(entry_point)) if check and not (hidden or lost or needs) else []
    return Installed(
        name=entry_point.name,
        entry_point=entry_point.value,
        distribution=distribution_of(entry_point),
        version=_version(entry_point),
        models=tuple(claim.name for claim in entry_points(MODELS) if claim.value == entry_point.value),
        problems=(*hidden, *lost, *needs, *broken),
        install=_advice(entry_point, again=bool(lost)) if lost or needs else None,
    )


def _lost(entry_point: EntryPoint) -> Iterator[str]:
    """Yield what keeps the module from being found."""
    if entry_point.pattern.match(entry_point.value) is None:
        yield f"has an entry point that is none: {entry_point.value!r}"
        return

    module = entry_point.module.partition(".")[0]
    try:
        found = importlib.util.find_spec(module)
    except (ImportError, ValueError):  # An import hook's, or a module that was put there by hand.
        found = None
    if found is None:
        yield f"has no module {module!r}"


def _broken(entry_point: EntryPoint) -> Iterator[str]:
    """Yield what shows when it is imported."""
    try:
        load(entry_point.name)
    except ProviderNotInstalled as error:
        yield str(error)


def _unmet(entry_point: EntryPoint) -> Iterator[str]:
    """Yield what the distribution lists for this provider, by itself and in the extra of its name."""
    if entry_point.dist is not None:
        for requirement in _requirements(entry_point.dist, extra=entry_point.name):
            if obstacle := _obstacle(requirement):
                yield obstacle


def _requirements(owner: Distribution, *, extra: str) -> Iterator[Requirement]:
    """Yield what *owner* needs with *extra*; an extra made of its other extras is followed one step."""
    for requirement in _listed(owner, extra):
        if canonicalize_name(requirement.name) == canonicalize_name(owner.name):
            for other in sorted(requirement.extras):
                yield from _listed(owner, other)
        else:
            yield requirement


def _listed(owner: Distribution, extra: str) -> Iterator[Requirement]:
    for line in owner.requires or ():
        try:
            requirement = Requirement(line)
        except InvalidRequirement:  # Some old distributions have such lines, and pip ignores them too.
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            yield requirement


def _obstacle(requirement: Requirement) -> str | None:
    wanted = f"{requirement.name}{requirement.specifier}"
    version = _found(requirement.name)
    if version is None:
        return f"{wanted}, which is not installed"

    try:
        fits = requirement.specifier.contains(version, prereleases=True)
    except InvalidVersion:
        fits = False
    return None if fits else f"{wanted}, and {version} is installed"


def _found(name: str) -> str | None:
    """Return the version of the distribution *name*; None where it is not installed."""
    try:
        return distribution(name).version
    except PackageNotFoundError:
        return None


def _origin(entry_point: EntryPoint) -> str:
    return f"{distribution_of(entry_point)} {_version(entry_point)}".strip() or entry_point.value


def _identity(entry_point: EntryPoint) -> tuple[str, str]:
    return entry_point.value, _origin(entry_point)


def _version(entry_point: EntryPoint) -> str:
    return (entry_point.dist and cast("str | None", entry_point.dist.version)) or ""


def _advice(entry_point: EntryPoint, *, again: bool) -> str | None:
    named = installable(entry_point)
    force = "--force-reinstall " if again else ""
    return f"pip install {force}'{named}'" if named else None
