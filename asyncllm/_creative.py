"""Creative mode: a few sampling parameters at once, and back again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, cast

from ._kinds import Flag
from ._specification import Specified
from ._vocabulary import ALIASES, Parameter, Params

CREATIVE: Params = {
    "do_sample": True,
    "temperature": 1.2,
    "top_p": 0.95,
    "top_k": None,
    "min_p": None,
    "presence_penalty": 0.5,
}
"""
What creative mode sets: a flatter distribution without its unlikely end, and a push towards new words.

None is "not set": a narrow ``top_k`` or ``min_p`` would undo the rest.
"""

SWITCH = Parameter(Flag(), "Turn creative mode on, or off.")


class Creative(Specified):
    """What is asked for something bolder with one switch."""

    _llm_plain: Mapping[str, Any] | None = None
    """What held before of the parameters that are the mode's; None while it is off."""

    @property
    def creative_mode(self) -> bool:
        """Whether creative mode is on."""
        return self._llm_plain is not None

    def toggle_creative_mode(self, enable: bool) -> Self:
        """
        Turn creative mode on, or off again.

        On sets a few sampling parameters for every call that begins from then on;
        of what a model does not take, the answers' ``adjustments`` tell, as ever. Off
        puts back what was there before, set or not. What you set yourself while
        the mode is on is yours: it holds at once, and stays. Turning on what is on
        changes nothing, nor does turning off what is off.

        Args:
            enable: On, or off.

        Raises:
            InvalidParameter: *enable* is neither True nor False.
        """
        if SWITCH.check("enable", enable) == self.creative_mode:
            return self

        before = {name: self._llm_values.get(name) for name in CREATIVE}
        changes = cast("Mapping[str, Any]", CREATIVE) if self._llm_plain is None else self._llm_plain
        # At one stroke: a call that begins meanwhile finds all of the mode, or nothing.
        self._llm_values = {
            name: value for name, value in {**self._llm_values, **changes}.items() if value is not None
        }
        self._llm_plain = before if enable else None
        return self

    def set_parameter(self, name: str, value: Any) -> None:
        super().set_parameter(name, value)
        if self._llm_plain is not None:
            own = ALIASES.get(name, name)
            # Anew, since a copy of this LLM may hold the old one.
            self._llm_plain = {each: before for each, before in self._llm_plain.items() if each != own}

    set_parameter.__doc__ = Specified.set_parameter.__doc__

    def _llm_replace(self, values: Mapping[str, Any]) -> None:
        super()._llm_replace(values)
        self._llm_plain = None
