"""What Hugging Face gives to chat templates, in Jinja's sandbox."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, NoReturn

from jinja2 import TemplateError, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment


class Generation(Extension):
    """Lets ``{% generation %}`` stand around an answer: it marks for training what the model is to learn."""

    tags = {"generation"}  # noqa: RUF012  Jinja's own form

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def environment() -> ImmutableSandboxedEnvironment:
    """Return what a chat template is compiled and rendered in."""
    made = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols", Generation]
    )
    made.filters["tojson"] = _json
    given: dict[str, Any] = made.globals
    given.update(raise_exception=_refuse, strftime_now=_now)
    return made


def _json(value: Any, ensure_ascii: bool = False, **form: Any) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, default=_plain, **form)


def _plain(value: Any) -> Any:
    """Return what JSON has for *value*: a mapping of another kind, or what a filter yields."""
    return dict(value) if hasattr(value, "keys") else list(value)


def _refuse(message: str) -> NoReturn:
    raise TemplateError(message)


def _now(form: str) -> str:
    return datetime.now().astimezone().strftime(form)
