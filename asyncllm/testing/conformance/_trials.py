"""Each parameter under each table, turned into a request that is never answered."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, cast, get_args

from asyncllm._prepare import Prepared, prepare
from asyncllm._types import DONE, Verdict
from asyncllm._vocabulary import PARAMETERS, checked
from asyncllm.errors import InvalidParameter
from asyncllm.provider import Params, Provider, Request, Table

from ._expect import TASK, described
from ._subject import texts

NAME = "conformance"
"""The name under which the provider is tried: what ``provider_options`` is for."""
SAMPLES: Mapping[str, Any] = {
    **{name: parameter.sample for name, parameter in PARAMETERS.items()},
    "provider_options": {NAME: {"x_conformance": {"any": [1]}}},
}
NOWHERE: frozenset[Verdict] = frozenset({"emulated", "dropped", "inapplicable"})
"""Verdicts that say: the parameter itself is not sent."""

Path: TypeAlias = tuple[str, ...]
"""Where something is within a body."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A call with one parameter, and the same call without it."""

    name: str
    call: Prepared
    without: Prepared

    @property
    def request(self) -> Request:
        """What the provider is asked to send."""
        return self.call.request

    def unsaid(self) -> Iterator[str]:
        """Yield where nobody hears what became of the parameter."""
        told = [verdict for verdict in self.call.verdicts if verdict.parameter == self.name]
        if len(told) != 1:
            yield f"{self.name} has {len(told)} verdicts, not one"
            return

        (verdict,) = told
        if verdict.verdict not in get_args(Verdict):
            yield f"{self.name} has the verdict {verdict.verdict!r}; known are {', '.join(get_args(Verdict))}"
        elif verdict.verdict not in DONE and not verdict.reason:
            yield f"{self.name} is {verdict.verdict} and has no reason"
        elif verdict.verdict not in NOWHERE and not verdict.reason and self._is_lost:
            yield f"{self.name} is said to be {verdict.verdict}, but nothing came of it, without a reason"

    def unkept(self, sent: Any, headers: Mapping[str, str], sent_without: Any) -> Iterator[str]:
        """Yield where what was *sent* is not what the row promised."""
        found, options = leaves(sent), self.options
        for path, value in options.items():
            if path not in found:
                yield f"{self.name}: {_spelt(path)} is in request.options and not in the body"
            elif found[path] != value:
                yield f"{self.name}: {_spelt(path)} is {found[path]!r} in the body; asked for was {value!r}"
        for header, value in self.request.headers.items():
            if headers.get(header.lower(), headers.get(header)) != value:
                yield f"{self.name}: the header {header} is in request.headers and was not sent"
        said = "".join(texts(sent))
        for message in self.request.messages:
            if message.text not in said:
                yield f"{self.name}: the message {message.text!r} is not in the body"
        if self._is_lost and sent != sent_without:
            yield f"{self.name}: its row brought nothing, but the body is another than without it"

    def uncalled_for(self, sent: Any, known: frozenset[Path], sent_without: Any) -> Iterator[str]:
        """Yield what was *sent* though nobody asked for it: *known* is what parameters can become."""
        says_the_same = self.request.messages == self.without.request.messages
        found, before, options = leaves(sent), leaves(sent_without), self.options
        for path, value in found.items():
            if path in options:
                continue
            if value is None:
                yield f"{_spelt(path)} is sent as null: leave out what is not set"
            elif path in known or path[-1:] == (self.name,):
                yield f"{_spelt(path)} is sent ({value!r}) though no row brought it"
            elif says_the_same and before.get(path) != value:
                yield f"{_spelt(path)} is sent ({value!r}) beside {self.name}, whose row did not bring it"

    @property
    def options(self) -> dict[Path, Any]:
        """What has to be in the body, place by place."""
        return leaves(json.loads(json.dumps(dict(self.request.options))))

    @property
    def _is_lost(self) -> bool:
        """Whether the call is the same as without the parameter."""
        return all(
            getattr(self.call, part) == getattr(self.without, part)
            for part in ("requests", "choices", "stops", "length", "timeout")
        )


def trials(provider: Provider, table: Table) -> Iterator[Trial | str]:
    """Yield a trial of each parameter under *table*, or what is wrong with its row."""
    for name, sample in SAMPLES.items():
        beside = _beside(name, sample, table)
        try:
            without = prepared(provider, table, beside)
            yield Trial(name, prepared(provider, table, {**beside, name: sample}), without)
        except InvalidParameter:
            continue  # It contradicts what the table holds under: nobody can ask for both.
        except Exception as error:  # noqa: BLE001  # a row is the author's own code
            yield f"{name}: its row fails with {described(error)}"


def paths(tried: list[Trial]) -> frozenset[Path]:
    """Return all places in a body that some parameter can come to."""
    return frozenset(path for trial in tried for path in trial.options)


def leaves(value: Any, path: Path = ()) -> dict[Path, Any]:
    """Return what *value* holds, place by place; a list is one thing."""
    if not isinstance(value, Mapping) or (path and not value):
        return {path: value}

    found: dict[Path, Any] = {}
    for key, inner in cast("Mapping[str, Any]", value).items():
        found |= leaves(inner, (*path, key))
    return found


def _beside(name: str, sample: Any, table: Table) -> dict[str, Any]:
    """Return what to ask for beside the parameter: what the table holds under, and what gives it a use."""
    useful = {
        beside.other: PARAMETERS[beside.other].sample
        for beside in PARAMETERS[name].idle
        if beside.holds(sample, None)
    }
    return {key: value for key, value in {**useful, **table.params}.items() if key != name}


def prepared(provider: Provider, table: Table, asked: Mapping[str, Any]) -> Prepared:
    """Return the call that asks for *asked* under *table*."""

    def rulebook(given: Mapping[str, Any]) -> Any:
        return provider.rules(table.model, cast("Params", given))

    return prepare(TASK, checked(asked), rulebook, provider=NAME, model=table.model)


def _spelt(path: Path) -> str:
    return repr(".".join(path))
