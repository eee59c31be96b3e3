"""What tests of programs and of plugins need: a provider, and a server, that answer as they are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._anthropic import anthropic_answer, anthropic_error, anthropic_stream
from ._anthropic_batches import AnthropicBatchServer
from ._batch_server import Batched
from ._fake import FakeProvider
from ._ollama import ollama_answer, ollama_error, ollama_stream
from ._openai import openai_answer, openai_error, openai_stream
from ._openai_batches import OpenAIBatchServer
from ._reply import Recorded, Reply
from ._responses import responses_answer, responses_stream
from ._server import ScriptedServer

if TYPE_CHECKING:
    from .conformance import HTTPConformance, ProviderConformance

__all__ = [
    "AnthropicBatchServer",
    "Batched",
    "FakeProvider",
    "HTTPConformance",
    "OpenAIBatchServer",
    "ProviderConformance",
    "Recorded",
    "Reply",
    "ScriptedServer",
    "anthropic_answer",
    "anthropic_error",
    "anthropic_stream",
    "ollama_answer",
    "ollama_error",
    "ollama_stream",
    "openai_answer",
    "openai_error",
    "openai_stream",
    "responses_answer",
    "responses_stream",
]


def __getattr__(name: str) -> Any:
    """Import the conformance suite for whoever asks for it: it alone needs pytest and trio."""
    if name not in {"HTTPConformance", "ProviderConformance"}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    from . import conformance  # noqa: PLC0415

    return getattr(conformance, name)
