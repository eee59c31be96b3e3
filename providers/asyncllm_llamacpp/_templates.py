"""The chat templates that a model's file carries."""

from __future__ import annotations

from ._native import llama

_WITH_TOOLS = b"tool_use"
"""The name that the template for calls with tools has, where it is one of its own."""


def templates(model: int) -> tuple[str | None, str | None]:
    """
    Return the Jinja template in which the model was taught to converse, and the one for calls with tools.

    None where the file has no such template.
    """
    return _named(model, None), _named(model, _WITH_TOOLS)


def _named(model: int, name: bytes | None) -> str | None:
    source: bytes | None = llama.llama_model_chat_template(model, name)
    # For a model without a template llama.cpp may name one of its own, which is no Jinja.
    return source.decode(errors="replace") if source is not None and b"{" in source else None
