"""Which of OpenAI's models belong together, and which of them answer in one API only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase

from asyncllm.rules import Families, Family, Rule, Rules, bare

# The first pattern that fits decides.
MODELS: Mapping[str, tuple[str, ...]] = {
    "gpt-5-pro": ("gpt-5-pro*",),
    "pro":       ("gpt-*-pro", "gpt-*-pro-20*"),
    "codex":     ("gpt-5-codex*", "gpt-5.1-codex", "gpt-5.1-codex-mini*", "codex-*"),
    "thinking":  ("*-codex*", "gpt-6-astra*", "gpt-6.1-sol*", "gpt-6.2-*", "*-cyber*", "*rosalind*",
                  "gpt-daybreak-*"),
    "o":         ("o[0-9]*",),
    "gpt-5":     ("gpt-5", "gpt-5-*"),
    "gpt-5.1":   ("gpt-5.1*",),
    "gpt-5.2":   ("gpt-5.[2-5]*",),
    "gpt-5.6":   ("gpt-5.6*",),
    "gpt-6":     ("gpt-6-sol*", "gpt-6-luna*", "gpt-6.1-terra*"),
    "classic":   ("gpt-4.1*",),
    "gpt-4o":    ("gpt-4*", "gpt-3.5*", "chatgpt-4o*", "gpt-audio*", "computer-use-preview*"),
}  # fmt: skip

EXAMPLES: Mapping[str, str] = {
    "gpt-5-pro": "gpt-5-pro",
    "pro":       "gpt-5.4-pro",
    "codex":     "gpt-5.1-codex",
    "thinking":  "gpt-6.2-astra",
    "o":         "o3",
    "gpt-5":     "gpt-5-mini",
    "gpt-5.1":   "gpt-5.1",
    "gpt-5.2":   "gpt-5.2",
    "gpt-5.6":   "gpt-5.6-sol",
    "gpt-6":     "gpt-6-luna",
    "classic":   "gpt-4.1",
    "gpt-4o":    "gpt-4o",
}  # fmt: skip

LONGEST: Mapping[str, int] = {
    **dict.fromkeys(MODELS, 128_000),
    "gpt-5-pro": 272_000,
    "o":         100_000,
    "classic":    32_768,
    "gpt-4o":     16_384,  # The oldest of them have less.
}  # fmt: skip
"""How many tokens an answer may have."""

ONLY_IN_RESPONSES = (
    "o1-pro*", "o3-pro*", "o[34]*-deep-research*", "computer-use-preview*", "gpt-5-pro*", "gpt-5.5-pro*",
    "gpt-5-codex*", "gpt-5.1-codex-max*", "gpt-daybreak-*", "*-cyber*", "*rosalind*", "gpt-6.2-astra-law*",
)  # fmt: skip
"""Models that answer only in the Responses API (``all_models.py`` of the SDK)."""


def families(rules: Mapping[str, Rules], length: Callable[[str], Rule]) -> Families:
    """Return OpenAI's families with the *rules* and the *length* that hold for each in one of its APIs."""
    return Families(
        of={
            name: Family(
                models=models, rules={**rules[name], "max_tokens": length(name)}, example=EXAMPLES[name]
            )
            for name, models in MODELS.items()
        },
        newest="thinking",
        newest_is="OpenAI's newest family, gpt-6.2",
        base=base,
    )


def is_only_in_responses(model: str) -> bool:
    """Say whether *model* answers only in the Responses API."""
    return any(fnmatchcase(base(model), pattern) for pattern in ONLY_IN_RESPONSES)


def base(model: str) -> str:
    """Return what *model* is at bottom: of ``"openai/gpt-4.1"``, or ``"ft:gpt-4.1:org::id"``, gpt-4.1."""
    return bare(model).removeprefix("ft:").partition(":")[0]
