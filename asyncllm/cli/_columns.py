"""What ``asyncllm params`` shows: a column for each table of a provider, or for each model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeAlias

from asyncllm._registry import available, check_settings, load, resolve
from asyncllm._support import Support, supported
from asyncllm.errors import ProviderNotInstalled
from asyncllm.provider import Table

Settings: TypeAlias = Sequence[tuple[str, Any]]

FEW = 2
"""Tables that share their settings, and are no more than this, stand beside the provider's others."""


@dataclass(frozen=True, slots=True)
class Column:
    """One table, tried."""

    headings: tuple[str, ...]
    """Its name; several where several tables are alike."""
    supports: tuple[Support, ...]


@dataclass(frozen=True, slots=True)
class Tried:
    """One of a provider's tables, and what becomes of each parameter under it."""

    provider: str
    table: Table
    supports: tuple[Support, ...]

    @property
    def settings(self) -> Settings:
        """The settings that lead to the table."""
        return tuple(self.table.settings.items())

    def plain(self) -> dict[str, Any]:
        """Return it for JSON."""
        facts = {each.parameter: asdict(each) for each in self.supports}
        return {"provider": self.provider, **asdict(self.table), "parameters": facts}


@dataclass(frozen=True, slots=True)
class Block:
    """Tables that stand side by side."""

    provider: str
    settings: str
    """What leads to them, as in ``api='responses'``; empty for the provider's usual ones."""
    columns: tuple[Column, ...]
    ways: Mapping[str, Sequence[str]]
    """Further settings that lead to some of them: ``{"dialect='vllm'": ["vllm", "vllm, num_beams 4"]}``."""

    @property
    def title(self) -> str:
        """The block's name."""
        return ", ".join(filter(None, [self.provider, self.settings]))


def of_provider(name: str) -> tuple[Tried, ...]:
    """
    Try all tables of an installed provider.

    Raises:
        ProviderNotInstalled: It does not import.
    """
    maker = load(name)
    # A plugin that lists no tables has one all the same.
    tables = maker.tables or (Table(name="any model", model="any"),)
    return tuple(Tried(name, table, supported(maker(**table.settings), table, name)) for table in tables)


def of_model(spelt: str, settings: Mapping[str, Any]) -> Tried:
    """
    Try the table of one model, as its provider has it with *settings*.

    Raises:
        ConfigurationError: There is no such provider, or it does not import.
    """
    provider, model = resolve(spelt)
    maker = load(provider)
    check_settings(settings, maker, known=())
    table = Table(name=spelt, model=model, settings=settings)
    return Tried(provider, table, supported(maker(**settings), table, provider))


def of_all() -> tuple[list[Tried], list[str]]:
    """Try every installed provider; return what there is, and what stands in the way of the others."""
    tried: list[Tried] = []
    problems: list[str] = []
    for name in available():
        try:
            tried.extend(of_provider(name))
        except ProviderNotInstalled as error:
            problems.append(" ".join(str(error).split()))
        except Exception as error:  # noqa: BLE001 - a plugin's bug is no reason to show nothing of the others
            problems.append(f"the tables of the provider {name!r} fail: {error!r}")
    return tried, problems


def blocks(tried: Iterable[Tried], *, reasons: bool) -> Iterator[Block]:
    """
    Yield what to show side by side: a provider's tables that share their settings.

    Args:
        tried: The tables.

        reasons: Show tables apart that differ in nothing but their reasons.
    """
    groups: dict[tuple[str, str], list[Tried]] = {}
    for each in tried:
        groups.setdefault((each.provider, _spelt(each.settings)), []).append(each)
    shown: dict[tuple[str, str], list[Tried]] = {}
    for (provider, settings), group in groups.items():
        shown.setdefault((provider, settings if len(group) > FEW else ""), []).extend(group)
    for (provider, _), group in shown.items():
        common = [item for item in group[0].settings if all(item in each.settings for each in group)]
        yield Block(provider, _spelt(common), tuple(_merged(group, reasons=reasons)), _ways(group, common))


def _ways(group: Iterable[Tried], common: Settings) -> Mapping[str, Sequence[str]]:
    ways: dict[str, list[str]] = {}
    for each in group:
        if own := _spelt(item for item in each.settings if item not in common):
            ways.setdefault(own, []).append(each.table.name)
    return ways


def _spelt(settings: Iterable[tuple[str, Any]]) -> str:
    return ", ".join(f"{key}={value!r}" for key, value in settings)


def _merged(group: Sequence[Tried], *, reasons: bool) -> Iterator[Column]:
    """Yield a column for each table; those that are alike share one."""
    headings = _headings([each.table.name for each in group])
    alike: dict[tuple[Support, ...], list[str]] = {}
    shown: dict[tuple[Support, ...], tuple[Support, ...]] = {}
    for each, heading in zip(group, headings, strict=True):
        seen = each.supports if reasons else tuple(replace(one, reason="") for one in each.supports)
        alike.setdefault(seen, []).append(heading)
        shown.setdefault(seen, each.supports)
    for seen, names in alike.items():
        yield Column(tuple(names), shown[seen])


def _headings(names: Sequence[str]) -> list[str]:
    """Return *names* without the parts that all of them have, unless nothing would be left of one."""
    parts = [name.split(", ") for name in names]
    common = {part for part in parts[0] if all(part in others for others in parts)}
    left = [", ".join(part for part in own if part not in common) for own in parts]
    return left if all(left) else list(names)
