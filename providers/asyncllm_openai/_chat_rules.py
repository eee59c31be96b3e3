"""
Which of OpenAI's models takes which parameter in Chat Completions.

As of November 2026. Sources: the types of ``openai`` 3.54, OpenAI's deployment
checklist ("when effort is not none, remove temperature, top_p, logprobs"), the
API's own error messages, and the ``modelparams`` catalogue.
"""

from __future__ import annotations

from asyncllm.rules import (
    Choices,
    Leading,
    Native,
    Renamed,
    Repeated,
    Roles,
    Rule,
    Rules,
    StopTokens,
    Unsupported,
)

from ._effort import NEVER_THINKS, efforts, only_unthinking, unless_thinking
from ._families import LONGEST, families
from ._rows import InFormat, Logprobs, WholeBiases, in_chat

NO_SAMPLING = Unsupported("a model that thinks samples at its own temperature", default=1)
ONLY_UNTHINKING = Unsupported("taken only with reasoning_effort='none'", default=1)
NO_PENALTIES = Unsupported("this family takes no penalties", default=0)
NO_BEAMS = Unsupported("OpenAI has no beam search", default=1)
OWN_TOKENS = Unsupported("OpenAI takes no tokens by their ids here")
NOT_BEGUN = Roles(
    ("system", "developer", "user"),
    "OpenAI's models answer after an assistant's message: they do not go on with it",
)

SAMPLED: Rules = {
    "temperature": Native(within=(0, 2)),
    "top_p":       Native(within=(0, 1)),
    "logit_bias":  WholeBiases(),
    "logprobs":    Logprobs(),
}  # fmt: skip
"""What a model takes that does not think."""

UNSAMPLED: Rules = {
    "temperature": NO_SAMPLING,
    "top_p":       NO_SAMPLING,
    "logit_bias":  Unsupported("a model that thinks takes no biases"),
    "logprobs":    Unsupported("a model that thinks tells no probabilities"),
}  # fmt: skip

ONLY_SAMPLED_UNTHINKING: Rules = {
    "temperature": ONLY_UNTHINKING,
    "top_p":       ONLY_UNTHINKING,
    "logit_bias":  Unsupported(ONLY_UNTHINKING.reason),
    "logprobs":    Unsupported(ONLY_UNTHINKING.reason),
}  # fmt: skip

CLASSIC: Rules = {
    **SAMPLED,
    "top_k":                Unsupported("OpenAI has no top-k sampling", default=0),
    "min_p":                Unsupported("OpenAI has no min-p sampling", default=0),
    "seed":                 Native(),
    "num_return_sequences": Choices("n", at_most=128),
    "num_beams":            NO_BEAMS,
    "length_penalty":       NO_BEAMS,
    "early_stopping":       NO_BEAMS,
    "frequency_penalty":    Native(within=(-2, 2)),
    "presence_penalty":     Native(within=(-2, 2)),
    "repetition_penalty":   Unsupported("OpenAI has no multiplicative penalty", default=1),
    "stop_token":           StopTokens("stop", at_most=4, reason="OpenAI takes four at most"),
    "eos_token_id":         OWN_TOKENS,
    "bos_token_id":         OWN_TOKENS,
    "system_prompt":        Leading("system"),
    "role":                 NOT_BEGUN,
    "reasoning_effort":     Unsupported("this model does not think before it answers", default="none"),
    "thinking_budget":      NEVER_THINKS,
    "response_format":      InFormat(in_chat),
}  # fmt: skip

THINKING: Rules = {
    **CLASSIC,
    **UNSAMPLED,
    # That n is taken is said nowhere; that calls can be repeated, everywhere.
    "num_return_sequences": Repeated(),
    "frequency_penalty":    NO_PENALTIES,
    "presence_penalty":     NO_PENALTIES,
    "stop_token":           StopTokens(reason="this family takes no stop tokens"),
    "system_prompt":        Leading("developer"),
}  # fmt: skip

UNLESS_THINKING = unless_thinking(SAMPLED, ONLY_SAMPLED_UNTHINKING, {"reasoning_effort": "none"})
ONLY_NOT_THINKING = only_unthinking(SAMPLED, ONLY_SAMPLED_UNTHINKING)
UP_TO_HIGH = efforts(("none", "low", "medium", "high"))
UP_TO_XHIGH = efforts(("none", "low", "medium", "high", "xhigh"))

ANY_LENGTH = frozenset({"classic", "gpt-4o", "gpt-5.6", "gpt-6"})
"""The families of which an answer may be short; from others it is refused (integer_below_min_value)."""


def _length(family: str) -> Rule:
    shortest = 1 if family in ANY_LENGTH else 16
    return Renamed("max_completion_tokens", within=(shortest, LONGEST[family]))


CHAT = families({
    "classic":   CLASSIC,
    "gpt-4o":    CLASSIC,
    "o":         {**THINKING, **efforts(("low", "medium", "high"))},
    "gpt-5":     {**THINKING, **efforts(("minimal", "low", "medium", "high"))},
    "gpt-5.1":   {**THINKING, **UNLESS_THINKING, **UP_TO_HIGH},
    "gpt-5.2":   {**THINKING, **ONLY_NOT_THINKING, **UP_TO_XHIGH},
    "gpt-5.6":   {**THINKING, **UNLESS_THINKING, **UP_TO_XHIGH},
    "gpt-6":     {**THINKING, **ONLY_NOT_THINKING, **UP_TO_XHIGH},
    "codex":     {**THINKING, **efforts(("low", "medium", "high"))},
    "thinking":  {**THINKING, **efforts(("low", "medium", "high", "xhigh"))},
    "pro":       {**THINKING, **efforts(("medium", "high", "xhigh"))},
    "gpt-5-pro": {**THINKING, **efforts(("high",))},
}, _length)  # fmt: skip
