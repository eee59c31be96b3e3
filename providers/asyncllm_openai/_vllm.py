"""What vLLM takes, which has a beam search of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from asyncllm.provider import Message, Role
from asyncllm.rules import (
    Applied,
    Choices,
    Greedy,
    Native,
    Renamed,
    Repeated,
    Rule,
    Rules,
    StopTokens,
    Unsupported,
    When,
)

from ._servers import COMPATIBLE, SPEAKING

BEAMS = "use_beam_search"
"""The option that makes vLLM search, and stream nothing."""


@dataclass(frozen=True, slots=True)
class Beams:
    """vLLM returns as many answers as there are beams (a row for ``num_beams``)."""

    def apply(self, name: str, value: int, asked: Mapping[str, Any]) -> Applied:
        if value == 1:
            return Applied(verdict="native", reason="what the provider does anyway")
        return Applied(
            verdict="renamed",
            sent=value,
            reason="as use_beam_search and n",
            options={BEAMS: True, "n": value},
            choices=value,
            kept=asked.get("num_return_sequences") or 1,
        )


@dataclass(frozen=True, slots=True)
class BestBeams:
    """The best beams are the answers (a row for ``num_return_sequences`` in a beam search)."""

    def apply(self, name: str, value: int, asked: Mapping[str, Any]) -> Applied:
        reason = "all beams come, and the best of them are kept"
        return Applied(verdict="renamed", sent=value, reason=reason)


@dataclass(frozen=True, slots=True)
class Warm:
    """Of what is below *coldest*, vLLM knows only 0: it makes *coldest* of the rest (for ``temperature``)."""

    coldest: float = 0.01

    def apply(self, name: str, value: float, asked: Mapping[str, Any]) -> Applied:
        if not 0 < value < self.coldest:
            return Native(within=(0, 2)).apply(name, value, asked)
        reason = f"accepts 0, and {self.coldest} to 2"
        return Applied(verdict="clamped", sent=self.coldest, reason=reason, options={name: self.coldest})


CONTINUED: Mapping[str, Any] = {"continue_final_message": True, "add_generation_prompt": False}
AS_CONTINUED = "as continue_final_message: by itself vLLM answers after an assistant's message"


@dataclass(frozen=True, slots=True)
class Begun:
    """The assistant's word begins the answer where vLLM is told so (a row for ``role``)."""

    def apply(self, name: str, value: Role, asked: Mapping[str, Any]) -> Applied:
        return Applied(
            verdict="translated", sent=value, reason=AS_CONTINUED, options=CONTINUED, role="assistant"
        )


@dataclass(frozen=True, slots=True)
class LastBegun:
    """What *rule* says; and a last message of the assistant's begins the answer (a row for ``messages``)."""

    rule: Rule

    def apply(self, name: str, value: Sequence[Message], asked: Mapping[str, Any]) -> Applied:
        applied = self.rule.apply(name, value, asked)
        if value[-1].role != "assistant":
            return applied
        reason = "; ".join(filter(None, (applied.reason, AS_CONTINUED)))
        return replace(applied, verdict="translated", reason=reason, options=CONTINUED)


SAMPLING: Rules = {
    **COMPATIBLE,
    "role":                 When("role", ("assistant",), Begun(), otherwise=SPEAKING),
    "messages":             LastBegun(COMPATIBLE["messages"]),
    "temperature":          Warm(),
    "do_sample":            Greedy(Warm()),
    "seed":                 Native(),
    "top_p":                Native(within=(1e-6, 1)),
    "top_k":                Native(),
    "min_p":                Native(within=(0, 1)),
    "repetition_penalty":   Native(),
    "eos_token_id":         Renamed("stop_token_ids", form=list),
    "thinking_budget":      Renamed("thinking_token_budget"),
}  # fmt: skip

# What a beam search takes no heed of, and says nothing about.
IN_BEAMS: Mapping[str, Rule] = {
    **dict.fromkeys(
        ("top_p", "top_k", "min_p", "seed", "frequency_penalty", "presence_penalty", "repetition_penalty",
         "logit_bias", "eos_token_id", "thinking_budget", "response_format"),
        Unsupported("vLLM's beam search does not look at it"),
    ),
    "do_sample":            Unsupported("vLLM's beam search does not sample", default=False),
    "stop_token":           StopTokens(reason="vLLM's beam search takes no stop tokens"),
    "num_return_sequences": BestBeams(),
}  # fmt: skip

SEVERAL = Choices("n", at_most=128)
GREEDY = Repeated("vLLM returns one answer where it does not sample")

ANSWERS: Rules = {
    **SAMPLING,
    "num_return_sequences": When("temperature", (0,), GREEDY,
                                 otherwise=When("do_sample", (False,), GREEDY, otherwise=SEVERAL)),
}  # fmt: skip

VLLM: Rules = {
    **ANSWERS,
    **{
        name: When("num_beams", (None, 1), ANSWERS[name], otherwise=row)
        for name, row in IN_BEAMS.items()
    },
    "num_beams":            Beams(),
    "length_penalty":       Native(),
    "early_stopping":       Unsupported("vLLM's beam search cannot be told when to end"),
}  # fmt: skip
