"""What tests of programs and of plugins need: a provider, and a server, that answer as they are told."""

from ._anthropic import anthropic_answer, anthropic_error, anthropic_stream
from ._fake import FakeProvider
from ._openai import openai_answer, openai_error, openai_stream
from ._reply import Recorded, Reply
from ._server import ScriptedServer

__all__ = [
    "FakeProvider",
    "Recorded",
    "Reply",
    "ScriptedServer",
    "anthropic_answer",
    "anthropic_error",
    "anthropic_stream",
    "openai_answer",
    "openai_error",
    "openai_stream",
]
