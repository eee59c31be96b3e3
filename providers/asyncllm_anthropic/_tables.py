"""What is printed, tried and documented: each family under each version of the API, thinking or not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

from asyncllm.provider import Params, Table

from ._families import families
from ._sampling import LATEST_VERSION, SAMPLING_VERSION

VERSIONS = (None, LATEST_VERSION, SAMPLING_VERSION)

_BUDGET: Mapping[str, Params] = {"thinking_budget 2048": {"thinking_budget": 2048}}
_EFFORT: Mapping[str, Params] = {"effort high": {"reasoning_effort": "high"}}
_MOST: Mapping[str, Params] = {"effort max": {"reasoning_effort": "max"}}

CONTEXTS: Mapping[str, Mapping[str, Params]] = {
    "4.5":        _BUDGET,
    "opus-4.5":   _BUDGET,
    "4.6":        {**_BUDGET, **_EFFORT},
    "5":          _MOST,
    "sonnet-5.5": _MOST,
}  # fmt: skip
"""Other parameters with which a family takes something else."""


def _tables() -> Iterator[Table]:
    for family, version in product(families(None).of, VERSIONS):
        settings = {"api_version": version} if version else {}
        model = families(None).of[family].example
        for context, params in {"": Params(), **CONTEXTS.get(family, {})}.items():
            name = ", ".join(part for part in (model, version and f"version {version}", context) if part)
            yield Table(name=name, model=model, settings=settings, params=params)


TABLES = tuple(_tables())
"""One for each family, version and context."""
