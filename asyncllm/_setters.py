"""A setter for everything: typed, checked, and several in a line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self, Unpack

from ._creative import Creative
from ._named import Named
from ._types import Role
from ._vocabulary import ALIASES, PARAMETERS, Effort, Params


class Setters(Named, Creative):
    """
    A setter for the model, and one for every parameter under every name that it goes by.

    Each checks what it is given before anything changes, returns the LLM itself, and
    does not reach calls under way; for a parameter, None is "not set"::

        llm.set_temperature(0.2).set_seed(7).run("Name a colour.")
    """

    def set_max_tokens(self, value: int | None) -> Self:
        return self._llm_set(max_tokens=value)

    def set_max_length(self, max_length: int | None) -> Self:
        return self._llm_set(max_length=max_length)

    def set_temperature(self, value: float | None) -> Self:
        return self._llm_set(temperature=value)

    def set_top_k(self, top_k: int | None) -> Self:
        return self._llm_set(top_k=top_k)

    def set_top_p(self, top_p: float | None) -> Self:
        return self._llm_set(top_p=top_p)

    def set_min_p(self, min_p: float | None) -> Self:
        return self._llm_set(min_p=min_p)

    def set_do_sample(self, do_sample: bool | None) -> Self:
        return self._llm_set(do_sample=do_sample)

    def set_seed(self, seed: int | None) -> Self:
        return self._llm_set(seed=seed)

    def set_num_return_sequences(self, num_return_sequences: int | None) -> Self:
        return self._llm_set(num_return_sequences=num_return_sequences)

    def set_num_beams(self, num_beams: int | None) -> Self:
        return self._llm_set(num_beams=num_beams)

    def set_beam_width(self, beam_width: int | None) -> Self:
        return self._llm_set(beam_width=beam_width)

    def set_length_penalty(self, length_penalty: float | None) -> Self:
        return self._llm_set(length_penalty=length_penalty)

    def set_early_stopping(self, early_stopping: bool | Literal["never"] | None) -> Self:
        return self._llm_set(early_stopping=early_stopping)

    def set_frequency_penalty(self, frequency_penalty: float | None) -> Self:
        return self._llm_set(frequency_penalty=frequency_penalty)

    def set_freq_penalty(self, freq_penalty: float | None) -> Self:
        return self._llm_set(freq_penalty=freq_penalty)

    def set_presence_penalty(self, presence_penalty: float | None) -> Self:
        return self._llm_set(presence_penalty=presence_penalty)

    def set_repetition_penalty(self, repetition_penalty: float | None) -> Self:
        return self._llm_set(repetition_penalty=repetition_penalty)

    def set_repition_penalty(self, repition_penalty: float | None) -> Self:
        return self._llm_set(repition_penalty=repition_penalty)

    def set_logit_bias(self, logit_bias: Mapping[int, float] | None) -> Self:
        return self._llm_set(logit_bias=logit_bias)

    def set_logprobs(self, logprobs: int | None) -> Self:
        return self._llm_set(logprobs=logprobs)

    def set_stop_token(self, stop_token: str | Sequence[str] | None) -> Self:
        return self._llm_set(stop_token=stop_token)

    def set_eos_token_id(self, eos_token_id: int | Sequence[int] | None) -> Self:
        return self._llm_set(eos_token_id=eos_token_id)

    def set_stop_token_id(self, stop_token_id: int | Sequence[int] | None) -> Self:
        return self._llm_set(stop_token_id=stop_token_id)

    def set_bos_token_id(self, bos_token_id: int | None) -> Self:
        return self._llm_set(bos_token_id=bos_token_id)

    def set_pad_token_id(self, pad_token_id: int | None) -> Self:
        return self._llm_set(pad_token_id=pad_token_id)

    def set_system_prompt(self, system_prompt: str | None) -> Self:
        return self._llm_set(system_prompt=system_prompt)

    def set_role(self, role: Role | None) -> Self:
        return self._llm_set(role=role)

    def set_reasoning_effort(self, reasoning_effort: Effort | None) -> Self:
        return self._llm_set(reasoning_effort=reasoning_effort)

    def set_thinking_budget(self, thinking_budget: int | None) -> Self:
        return self._llm_set(thinking_budget=thinking_budget)

    def set_response_format(self, response_format: Literal["json"] | Mapping[str, Any] | type | None) -> Self:
        return self._llm_set(response_format=response_format)

    def set_device(self, device: str | None) -> Self:
        return self._llm_set(device=device)

    def set_timeout(self, timeout: float | None) -> Self:
        return self._llm_set(timeout=timeout)

    def set_provider_options(self, provider_options: Mapping[str, Mapping[str, Any]] | None) -> Self:
        return self._llm_set(provider_options=provider_options)

    def _llm_set(self, **given: Unpack[Params]) -> Self:
        for name, value in given.items():
            self.set_parameter(name, value)
        return self


def _explain() -> None:
    """Give each setter the words of its parameter's definition."""
    for name in (*PARAMETERS, *ALIASES):
        definition = PARAMETERS[ALIASES.get(name, name)]
        vars(Setters)[
            f"set_{name}"
        ].__doc__ = f"Set ``{name}``: {definition.meaning} Takes {definition.kind}, or None for not set."


_explain()
