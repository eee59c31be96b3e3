"""Whose rules a server keeps, and how it is told from its address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

from asyncllm.provider import Params, Role
from asyncllm.rules import Rules

from ._openrouter import OPENROUTER
from ._servers import COMPATIBLE, LLAMA_SERVER, OLLAMA, OPEN_MODELS
from ._vllm import VLLM

Dialect: TypeAlias = Literal["openai", "vllm", "llama-server", "ollama", "openrouter", "compatible"]
DIALECTS: tuple[Dialect, ...] = ("openai", "vllm", "llama-server", "ollama", "openrouter", "compatible")
OLLAMA_PORT = 11434

HOSTS: Mapping[str, Dialect] = {
    "openai.com":       "openai",
    "openai.azure.com": "openai",
    "openrouter.ai":    "openrouter",
    "ollama.com":       "ollama",
}  # fmt: skip
"""Whose rules are kept at which domains, and below them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """What is particular about a dialect, besides its table."""

    rules: Rules
    called: Mapping[Role, Role] = field(default_factory=lambda: OPEN_MODELS)
    """Roles that it lacks, and those that say on the wire what they said."""
    works_on: bool = True
    """Whether it goes on with a whole answer for a client who has left; it notices only in a stream."""
    example: str = "qwen3-8b"
    """The name of a model that it may serve."""
    contexts: Mapping[str, Params] = field(default_factory=lambda: {"": Params()})
    """Other parameters on which the table depends, and how to call them."""


SERVERS: Mapping[str, Server] = {
    "vllm":         Server(rules=VLLM, contexts={"": Params(), ", num_beams 4": Params(num_beams=4)}),
    "llama-server": Server(rules=LLAMA_SERVER),
    "ollama":       Server(rules=OLLAMA),
    "openrouter":   Server(rules=OPENROUTER, called={}, works_on=False,
                           example="anthropic/claude-sonnet-4.6"),
    "compatible":   Server(rules=COMPATIBLE),
}  # fmt: skip
"""All dialects but OpenAI's own, whose table depends on the model."""


def dialect_of(url: str | None) -> Dialect:
    """Return the dialect of the server at *url*, as far as its address tells; None is OpenAI itself."""
    parts = urlsplit(url or "https://api.openai.com/v1")
    host = parts.hostname or ""
    # Azure has OpenAI's models at addresses of their own, and beside other vendors'.
    if _is_within(host, "azure.com") and "/openai/v1" in parts.path:
        return "openai"
    for domain, dialect in HOSTS.items():
        if _is_within(host, domain):
            return dialect
    return "ollama" if parts.port == OLLAMA_PORT else "compatible"


def _is_within(host: str, domain: str) -> bool:
    return host == domain or host.endswith(f".{domain}")
