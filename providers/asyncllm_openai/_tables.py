"""The provider's tables, and what leads to each: by API, by family and by whether the model thinks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from asyncllm.provider import Params, Table
from asyncllm.rules import Families

from ._chat_rules import CHAT
from ._dialects import SERVERS
from ._responses_rules import RESPONSES

MAY_THINK: Mapping[str, Params] = {
    "":                        Params(),
    ", reasoning_effort none": Params(reasoning_effort="none"),
    ", reasoning_effort high": Params(reasoning_effort="high"),
}  # fmt: skip
"""The contexts of a family that can be told not to think."""

TOLD = frozenset({"gpt-5.1", "gpt-5.2", "gpt-5.6", "gpt-6"})
"""The families that can be told not to think."""


def _of_openai(title: str, families: Families, settings: Mapping[str, Any]) -> Iterable[Table]:
    for name, family in families.of.items():
        for context, params in (MAY_THINK if name in TOLD else {"": Params()}).items():
            yield Table(
                name=f"{title}, {family.example}{context}",
                model=family.example,
                settings=settings,
                params=params,
            )


def _of_servers() -> Iterable[Table]:
    for dialect, server in SERVERS.items():
        settings = {"base_url": "http://localhost:8000/v1", "dialect": dialect, "api": "chat"}
        for context, params in server.contexts.items():
            yield Table(name=dialect + context, model=server.example, settings=settings, params=params)


TABLES = (
    *_of_openai("chat", CHAT, {"dialect": "openai", "api": "chat"}),
    *_of_openai("responses", RESPONSES, {"dialect": "openai", "api": "responses"}),
    *_of_servers(),
)
"""All of them."""
