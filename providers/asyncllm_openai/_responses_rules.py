"""
Which of OpenAI's models takes which parameter in the Responses API.

As of November 2026: no seed, no penalties, no biases, no stop tokens, one answer
a call; for the rest, what holds in Chat Completions, in other words.
"""

from __future__ import annotations

from asyncllm.rules import Leading, Native, Renamed, Repeated, Rule, Rules, StopTokens, Unsupported

from ._chat_rules import CLASSIC as CHAT_CLASSIC
from ._chat_rules import ONLY_SAMPLED_UNTHINKING, UNSAMPLED
from ._effort import as_effort, nested_efforts, only_unthinking, unless_thinking
from ._families import LONGEST, families
from ._rows import IncludedLogprobs, InFormat, in_responses

NO_BIASES = Unsupported("the Responses API takes no biases")
NO_PENALTIES = Unsupported("the Responses API takes no penalties", default=0)

SAMPLED: Rules = {
    "temperature": Native(within=(0, 2)),
    "top_p":       Native(within=(0, 1)),
    "logprobs":    IncludedLogprobs(),
}  # fmt: skip

CLASSIC: Rules = {
    **CHAT_CLASSIC,
    **SAMPLED,
    "seed":                 Unsupported("the Responses API takes no seed"),
    "num_return_sequences": Repeated(),
    "frequency_penalty":    NO_PENALTIES,
    "presence_penalty":     NO_PENALTIES,
    "logit_bias":           NO_BIASES,
    "stop_token":           StopTokens(reason="the Responses API takes no stop tokens"),
    "response_format":      InFormat(in_responses),
}  # fmt: skip

THINKING: Rules = {
    **CLASSIC,
    **UNSAMPLED,
    "logit_bias":    NO_BIASES,
    "system_prompt": Leading("developer"),
}  # fmt: skip

UNLESS_THINKING = unless_thinking(SAMPLED, ONLY_SAMPLED_UNTHINKING, {"reasoning": as_effort("none")})
ONLY_NOT_THINKING = only_unthinking(SAMPLED, ONLY_SAMPLED_UNTHINKING)
UP_TO_HIGH = nested_efforts(("none", "low", "medium", "high"))
UP_TO_XHIGH = nested_efforts(("none", "low", "medium", "high", "xhigh"))
UP_TO_MAX = nested_efforts(("none", "low", "medium", "high", "xhigh", "max"))


def _length(family: str) -> Rule:
    return Renamed("max_output_tokens", within=(16, LONGEST[family]))


RESPONSES = families({
    "classic":   CLASSIC,
    "gpt-4o":    CLASSIC,
    "o":         {**THINKING, **nested_efforts(("low", "medium", "high"))},
    "gpt-5":     {**THINKING, **nested_efforts(("minimal", "low", "medium", "high"))},
    "gpt-5.1":   {**THINKING, **UNLESS_THINKING, **UP_TO_HIGH},
    "gpt-5.2":   {**THINKING, **ONLY_NOT_THINKING, **UP_TO_XHIGH},
    "gpt-5.6":   {**THINKING, **UNLESS_THINKING, **UP_TO_MAX},
    "gpt-6":     {**THINKING, **ONLY_NOT_THINKING, **UP_TO_MAX},
    "codex":     {**THINKING, **nested_efforts(("low", "medium", "high"))},
    "thinking":  {**THINKING, **nested_efforts(("low", "medium", "high", "xhigh", "max"))},
    "pro":       {**THINKING, **nested_efforts(("medium", "high", "xhigh"))},
    "gpt-5-pro": {**THINKING, **nested_efforts(("high",))},
}, _length)  # fmt: skip
