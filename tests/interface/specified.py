"""The specified parameters, and what becomes of each on every subject."""

from collections.abc import Mapping
from typing import Any, NamedTuple

TASK = "Count: one one one"


class Row(NamedTuple):
    """A value of a parameter, and what becomes of it: the part of the body it is, or a verdict."""

    value: Any
    openai: Mapping[str, Any] | str
    anthropic: Mapping[str, Any] | str
    local: str
    wrong: Any
    """A value that is refused."""


ROWS = {
    "max_tokens":           Row(2, {"max_completion_tokens": 2}, {"max_tokens": 2}, "native", 0),
    "temperature":          Row(0.7, {"temperature": 0.7}, {"temperature": 0.7}, "native", -1),
    "top_k":                Row(50, "dropped", {"top_k": 50}, "native", -1),
    "top_p":                Row(0.9, {"top_p": 0.9}, {"top_p": 0.9}, "native", 1.1),
    "system_prompt":        Row(
        "Be brief.",
        {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": TASK}]},
        {"system": "Be brief."},
        "renamed", 5,
    ),
    "beam_width":           Row(2, "dropped", "dropped", "native", 0),
    "num_return_sequences": Row(2, {"n": 2}, "emulated", "emulated", 0),
    "seed":                 Row(7, {"seed": 7}, "dropped", "native", -1),
    "frequency_penalty":    Row(0.5, {"frequency_penalty": 0.5}, "dropped", "native", 2.1),
    "presence_penalty":     Row(0.5, {"presence_penalty": 0.5}, "dropped", "native", -2.1),
    "stop_token":           Row("###", {"stop": ["###"]}, {"stop_sequences": ["###"]}, "native", ""),
    "length_penalty":       Row(1.5, "inapplicable", "inapplicable", "inapplicable", "long"),
    "role":                 Row(
        "system", {"messages": [{"role": "system", "content": TASK}]}, "clamped", "native", "robot",
    ),
    "max_length":           Row(100, {"max_completion_tokens": 72}, {"max_tokens": 72}, "native", 0),
    "do_sample":            Row(False, {"temperature": 0}, {"temperature": 0}, "native", 1),
    "early_stopping":       Row(True, "inapplicable", "inapplicable", "inapplicable", "soon"),
    "num_beams":            Row(2, "dropped", "dropped", "native", 0),
    "repition_penalty":     Row(1.2, "dropped", "dropped", "native", 0),
    "pad_token_id":         Row(0, "inapplicable", "inapplicable", "inapplicable", -1),
    "eos_token_id":         Row(253, "dropped", "dropped", "native", 2.5),
    "bos_token_id":         Row(1, "dropped", "dropped", "native", "<s>"),
    "device":               Row("cpu", "inapplicable", "inapplicable", "native", "tpu"),
    "freq_penalty":         Row(0.5, {"frequency_penalty": 0.5}, "dropped", "native", 2.1),
    "stop_token_id":        Row(253, "dropped", "dropped", "native", 2.5),
}  # fmt: skip
"""The specified parameters but the model's name, and those that the reference has besides."""

CANONICAL = {
    "beam_width": "num_beams",
    "repition_penalty": "repetition_penalty",
    "freq_penalty": "frequency_penalty",
    "stop_token_id": "eos_token_id",
}


def shown(llm, **given):
    """Return what would be sent, and what would become of each parameter, in whatever order they were set."""
    plan = llm.plan(TASK, **given)
    return plan.sent, sorted(plan.verdicts, key=lambda verdict: verdict.parameter)
