"""What came by a provider's own batch costs what the price list says of batches."""

import pytest

from asyncllm._metrics import Metrics
from asyncllm._prices import Bill
from asyncllm._types import Usage

USAGE = Usage(input_tokens=1000, output_tokens=1000)


@pytest.mark.parametrize(("seller", "model"), [("anthropic", "claude-sonnet-4-6"), ("openai", "gpt-4.1")])
def test_a_batch_costs_half(seller, model):
    usual, _ = Bill.of(seller, model, USAGE).cost()
    batch, _ = Bill.of(seller, model, USAGE, processing="batch").cost()

    assert usual > 0
    assert batch == usual / 2


def test_where_the_list_knows_no_price_for_batches_the_usual_one_counts():
    usual = Bill.of("mistral", "mistral-large-latest", USAGE).cost()

    assert Bill.of("mistral", "mistral-large-latest", USAGE, processing="batch").cost() == usual


def test_it_is_told_apart_when_it_is_put_down_and_taken_up():
    both = Bill.of("anthropic", "claude-sonnet-4-6", USAGE) + Bill.of(
        "anthropic", "claude-sonnet-4-6", USAGE, processing="batch"
    )

    assert len(both.calls) == 2
    assert Bill.from_rows(both.as_rows()) == both


def test_what_was_put_down_before_there_were_batches_is_still_read():
    (row,) = Bill.of("anthropic", "claude-sonnet-4-6", USAGE).as_rows()
    del row["processing"]

    assert Bill.from_rows([row]) == Bill.of("anthropic", "claude-sonnet-4-6", USAGE)
    assert Metrics().bill == Bill()
