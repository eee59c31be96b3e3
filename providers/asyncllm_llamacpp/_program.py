"""A chat template as the program that it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jinja2 import TemplateSyntaxError, meta

from asyncllm.errors import InvalidModelFile, InvalidParameter, RequestRejected

from ._jinja import environment
from ._turns import Turn, renderings

_NO_TOOLS = "the model's chat template knows no tools; leave out the option 'tools', or take another model"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a call asks of the template besides the conversation."""

    tools: Sequence[Mapping[str, Any]] = ()
    """What the model may call, each as a JSON schema of a function."""
    variables: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What else the template is told, by names that it must know."""
    effort: str | None = None
    """How much the model is to think, for a template that has levels of it."""
    thoughts: bool | None = None
    """Whether the model is to think before it answers; None leaves it to the template."""
    begins_fixed: bool = False
    """Whether the answer cannot begin with thoughts: what it is held to leaves them no room."""


class Program:
    """
    A template: what it may be told, and what it makes of it.

    Args:
        source: The template in Jinja.

        marks: What begins a prompt and ends an answer, by the template's names.

    Raises:
        InvalidModelFile: It does not parse.
    """

    def __init__(self, source: str, marks: Mapping[str, str]) -> None:
        jinja = environment()
        try:
            self._template = jinja.from_string(source)
            self._knows = meta.find_undeclared_variables(jinja.parse(source))
        except TemplateSyntaxError as exc:
            raise InvalidModelFile(f"the model's chat template does not parse: {exc}") from exc
        self._given = {**marks, "tools": None, "documents": None}
        self.can_switch = "enable_thinking" in self._knows
        """Whether it can be told that the model is not to think."""

    def variables(self, wish: Wish) -> dict[str, Any]:
        """Return what it is told besides the conversation."""
        if wish.tools and "tools" not in self._knows:
            raise InvalidParameter(_NO_TOOLS)
        if unknown := sorted(wish.variables.keys() - self._knows):
            raise InvalidParameter(
                f"the model's chat template does not look at {unknown[0]!r}; "
                f"leave it out of the option 'chat_template_kwargs'"
            )
        told = {
            "tools": wish.tools or None,
            "enable_thinking": wish.thoughts,
            "reasoning_effort": wish.effort,
        }
        said = {name: value for name, value in told.items() if value is not None}
        return {**self._given, **said, **wish.variables}

    def rendered(self, turns: Sequence[Turn], variables: Mapping[str, Any]) -> str:
        """Render *turns*, otherwise where the template refuses them or leaves out what the system says."""
        system = [turn.content.strip() for turn in turns if turn.role == "system"]
        accepted: list[str] = []
        refusals: list[Exception] = []
        for form in renderings(turns):
            try:
                text = self._template.render(messages=[turn.told for turn in form], **variables)
            # The template is somebody's program: it may fail in any way.
            except Exception as exc:  # noqa: BLE001  told where no other form is accepted either
                refusals.append(exc)
                continue
            if all(said in text for said in system):
                return text
            accepted.append(text)

        if accepted:  # It may say the words otherwise, as JSON.
            return accepted[0]
        raise RequestRejected(
            f"the model's chat template does not accept the conversation: {refusals[0]}"
        ) from refusals[0]
