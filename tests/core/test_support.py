"""What becomes of a parameter under a table is found by trying it, whatever the rows are."""

from dataclasses import dataclass
from math import inf

import pytest

from asyncllm._support import supported
from asyncllm._types import MEANINGS, Verdict
from asyncllm._vocabulary import PARAMETERS
from asyncllm.provider import Table
from asyncllm.rules import (
    Applied,
    Assumed,
    Choices,
    Leading,
    Native,
    Nearest,
    Renamed,
    Required,
    Roles,
    StopTokens,
    Unsupported,
    When,
    With,
)
from asyncllm.testing import FakeProvider

TABLE = Table(name="any", model="any")


def found(parameter, rule=None, *, table=TABLE, **others):
    """What becomes of one parameter under a table of these rows."""
    rules = {**others, **({} if rule is None else {parameter: rule})}
    supports = supported(FakeProvider(rules=rules), table, "fake")
    return {support.parameter: support for support in supports}[parameter]


def test_every_parameter_has_a_verdict_in_the_vocabularys_order():
    supports = supported(FakeProvider(rules={}), TABLE)

    assert [support.parameter for support in supports] == [*PARAMETERS]


def test_every_verdict_has_a_meaning():
    assert MEANINGS.keys() == set(Verdict.__args__)


@pytest.mark.parametrize(
    ("parameter", "rule", "verdict", "wire", "accepts"),
    [
        ("seed", Native(), "native", ("seed",), ""),
        ("temperature", Native(within=(0, 1)), "native", ("temperature",), "0 to 1"),
        ("temperature", Native(within=(0, 2)), "native", ("temperature",), ""),
        ("max_tokens", Renamed("limit", within=(16, inf)), "renamed", ("limit",), "16 and more"),
        ("max_tokens", Renamed("limit", within=(1, 64_000)), "renamed", ("limit",), "1 to 64000"),
        ("length_penalty", Native(within=(-inf, 5)), "native", ("length_penalty",), "up to 5"),
        ("repetition_penalty", Native(within=(0, 2)), "native", ("repetition_penalty",), "up to 2"),
        ("seed", Unsupported("no chance"), "dropped", (), ""),
        ("num_return_sequences", Choices("n", 8), "renamed", ("n",), "1 to 8"),
        ("num_return_sequences", None, "emulated", (), ""),
        ("stop_token", StopTokens("stop"), "renamed", ("stop",), ""),
        ("stop_token", StopTokens("stop", at_most=4), "renamed", ("stop",), "up to 4 at a time"),
        ("stop_token", StopTokens("stop", takes=str.strip), "renamed", ("stop",), "not white space alone"),
        ("stop_token", StopTokens(), "emulated", (), ""),
        ("system_prompt", Leading("developer"), "renamed", ("messages",), ""),
        ("role", Roles(("user", "assistant")), "clamped", (), "user, assistant"),
        ("do_sample", None, "dropped", (), ""),
        ("logit_bias", Native(), "native", ("logit_bias",), ""),
        ("device", None, "inapplicable", (), ""),
        ("timeout", None, "native", (), ""),
        ("provider_options", None, "translated", ("any_key",), ""),
    ],
)
def test_a_row_is_tried_with_an_ordinary_value_and_at_the_ends_of_its_range(
    parameter, rule, verdict, wire, accepts
):
    support = found(parameter, rule)

    assert (support.verdict, support.wire, support.accepts) == (verdict, wire, accepts)


def test_a_key_within_an_object_is_named_with_the_keys_around_it():
    effort = Nearest("output_config", ("low", "medium", "high"), form=lambda level: {"effort": level})

    support = found("reasoning_effort", effort)
    assert support.wire == ("output_config.effort",)
    assert support.accepts == "low, medium, high"


def test_a_value_that_is_an_object_is_not_taken_apart():
    assert found("response_format", Renamed("format", form=dict)).wire == ("format",)


def test_what_travels_along_is_named_with_its_reason():
    row = With(rule=Native(), headers={"version": "1"}, reason="later ones refuse it")

    support = found("temperature", row)
    assert support.wire == ("temperature", "version")
    assert support.reason == "later ones refuse it"


def test_a_parameter_is_tried_beside_what_gives_it_something_to_do():
    assert found("length_penalty", Native(), num_beams=Native()).wire == ("length_penalty",)
    assert found("early_stopping", Native(), num_beams=Native()).verdict == "native"


def test_under_a_table_that_holds_without_sampling_sampling_has_nothing_to_do():
    table = Table(name="greedy", model="any", params={"do_sample": False})

    assert found("top_k", Native(), temperature=Native(), table=table).verdict == "inapplicable"


def test_rows_see_the_parameters_that_the_table_holds_with():
    row = When("reasoning_effort", ("none",), Native(), otherwise=Unsupported("it thinks"))
    unthinking = Table(name="effort none", model="any", params={"reasoning_effort": "none"})

    assert found("temperature", row, reasoning_effort=Native()).verdict == "dropped"
    assert found("temperature", row, reasoning_effort=Native(), table=unthinking).verdict == "native"


def test_what_is_sent_anyway_is_not_what_the_parameter_became():
    required = Required(rule=Native(), default=1000, reason="wanted")

    assert found("seed", Native(), max_tokens=required).wire == ("seed",)


def test_a_limit_on_the_whole_becomes_one_on_the_answer():
    support = found("max_length", max_tokens=Renamed("limit"))

    assert (support.verdict, support.wire) == ("emulated", ("limit",))


def test_the_lowest_value_may_be_a_switch():
    @dataclass
    class Off:
        def apply(self, name, value, asked):
            if value == 0:
                return Applied(verdict="translated", sent="disabled", options={"thinking": "disabled"})
            return Renamed("budget", within=(1024, inf)).apply(name, value, asked)

    support = found("thinking_budget", Off())
    assert support.accepts == "0, 1024 and more"
    assert support.wire == ("budget",)


def test_what_the_table_makes_of_the_models_name_comes_first():
    supports = supported(FakeProvider(rules={"model_name": Assumed("its newest")}), TABLE)

    assert (supports[0].parameter, supports[0].verdict) == ("model_name", "translated")
    assert "its newest" in supports[0].reason


def test_a_strangers_row_is_tried_like_any_other():
    class Mirrored:
        def apply(self, name, value, asked):
            return Applied(
                verdict="renamed", sent=-value, reason="it is upside down", options={"heat": -value}
            )

    support = found("temperature", Mirrored())
    assert (support.verdict, support.wire) == ("renamed", ("heat",))
    assert support.reason == "it is upside down"


def test_a_table_whose_parameters_contradict_the_one_tried_says_so():
    table = Table(name="hot", model="any", params={"num_beams": 2})

    support = found("num_return_sequences", Native(), num_beams=Native(), table=table)
    assert support.verdict == "inapplicable"
    assert "beam search" in support.reason


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("as limit", ""),
        ("as options and options.limit", ""),
        ("as limit; later ones refuse it", "later ones refuse it"),
        ("as a message of the role system", "as a message of the role system"),
    ],
)
def test_a_reason_that_only_names_the_keys_is_none(reason, told):
    class Nested:
        def apply(self, name, value, asked):
            return Applied(
                verdict="renamed", sent=value, reason=reason, options={"options": {"limit": value}}
            )

    support = found("max_tokens", Nested())
    assert (support.wire, support.reason) == (("options.limit",), told)
