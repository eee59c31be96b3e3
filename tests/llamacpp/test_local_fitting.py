"""How many layers fit on GPUs: made-up ones, and the CPU in their place."""

import logging
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncllm import ConfigurationError
from asyncllm_llamacpp import _gguf
from asyncllm_llamacpp._fit import MARGIN, Demand, Step, demand, fewer, fitting, weights_of_layers
from asyncllm_llamacpp._gguf import Tensor
from asyncllm_llamacpp._model import loaded
from asyncllm_llamacpp._offload import Offload, first, offloads
from asyncllm_llamacpp._settings import Settings

SIZES = st.integers(1, 1000)
DEMANDS = st.builds(
    Demand, layers=st.lists(SIZES, min_size=1, max_size=40).map(tuple), compute=st.integers(0, 500)
)
MEMORIES = st.lists(st.integers(0, 20_000), min_size=1, max_size=4)
SHARES = st.lists(st.floats(0.1, 10), min_size=4, max_size=4)


def used(wanted, counts):
    """What each GPU takes."""
    layers = list(wanted.layers[len(wanted.layers) - sum(counts) :])
    parts = []
    for count in counts:
        parts.append(sum(layers[:count]) + (wanted.compute if count else 0))
        del layers[:count]
    return parts


@given(DEMANDS, MEMORIES)
def test_no_gpu_gets_more_than_its_memory_allows(wanted, free):
    counts = fitting(wanted, free)

    assert len(counts) == len(free)
    assert all(part <= room for part, room in zip(used(wanted, counts), free, strict=True))


@given(DEMANDS, MEMORIES, SHARES)
def test_no_gpu_gets_more_than_its_memory_allows_where_the_shares_are_set(wanted, free, shares):
    counts = fitting(wanted, free, shares[: len(free)])

    assert all(part <= room for part, room in zip(used(wanted, counts), free, strict=True))


@given(DEMANDS, MEMORIES, st.integers(0, 3), st.integers(0, 5000))
def test_more_memory_never_means_fewer_layers(wanted, free, which, more):
    larger = [room + more * (at == which) for at, room in enumerate(free)]

    assert sum(fitting(wanted, larger)) >= sum(fitting(wanted, free))


@given(DEMANDS)
def test_where_there_is_room_for_all_they_all_go(wanted):
    assert fitting(wanted, [sum(wanted.layers) + wanted.compute]) == (len(wanted.layers),)


def test_several_gpus_are_about_equally_full():
    wanted = Demand(layers=(100,) * 30, compute=0)

    assert fitting(wanted, [10_000, 10_000]) == (18, 12)
    assert fitting(wanted, [20_000, 10_000]) == (25, 5)
    assert fitting(wanted, [1000, 1000]) == (10, 10)
    assert fitting(wanted, [1000, 0, 1000]) == (10, 0, 10)


def test_set_shares_are_dealt_out_as_llama_cpp_does():
    assert fitting(Demand(layers=(100,) * 31, compute=0), [10_000, 10_000], [3, 1]) == (24, 7)


@given(st.lists(st.integers(0, 100), min_size=1, max_size=4))
def test_what_is_tried_next_is_less_each_time_down_to_none(counts):
    totals = [sum(each) for each in fewer(counts)]

    assert totals == sorted(set(totals), reverse=True)
    assert (totals[0], totals[-1]) == (sum(counts), 0)
    assert len(totals) < 40


def test_the_weights_of_each_layer_are_told_apart():
    tensors = [
        Tensor("token_embd.weight", 1000),
        Tensor("blk.0.attn_q.weight", 10),
        Tensor("blk.0.ffn_up.weight", 20),
        Tensor("blk.1.attn_q.weight", 5),
        Tensor("output_norm.weight", 1),
    ]

    assert weights_of_layers([*tensors, Tensor("output.weight", 900)]) == (30, 5, 901)
    assert weights_of_layers(tensors) == (30, 5, 1001)


def test_a_layer_takes_its_part_of_the_context_and_the_output_none():
    step = Step(tokens=512, cells=1024, width=64, heads=8, vocabulary=1000, is_flash=True)
    wanted = demand((10, 20, 30), context=5, step=step)

    assert wanted.layers == (15, 25, 30)
    assert wanted.compute == MARGIN + 512 * 4 * (1000 + 1024 + 16 * 64)


class Loader:
    """Opens nothing, the first few times with an error."""

    def __init__(self, failures):
        self.failures = failures
        self.tried = []
        self.open = 0

    @contextmanager
    def __call__(self, offload):
        self.tried.append(offload.layers)
        if len(self.tried) <= self.failures:
            raise ConfigurationError(f"no memory for {offload.layers}")
        self.open += 1
        try:
            yield offload
        finally:
            self.open -= 1


FEWER = [Offload(layers=sum(counts)) for counts in fewer((8,))]


@pytest.mark.parametrize("failures", range(len(FEWER)))
def test_what_does_not_load_is_tried_with_fewer_layers_down_to_none_and_it_is_logged(failures, caplog):
    loader = Loader(failures)
    with caplog.at_level(logging.WARNING, "asyncllm"), first(FEWER, loader, keep_going=lambda: True) as found:
        assert found == FEWER[failures]
        assert loader.open == 1

    assert loader.open == 0
    assert loader.tried == [each.layers for each in FEWER[: failures + 1]]
    assert [record.message.split()[:2] for record in caplog.records] == [
        ["fewer_layers_tried", f"gpu_layers={each.layers}"] for each in FEWER[1 : failures + 1]
    ]


def test_where_even_the_cpu_does_not_do_the_last_error_is_told():
    with (
        pytest.raises(ConfigurationError, match="no memory for 0"),
        first(FEWER, Loader(len(FEWER)), keep_going=lambda: True),
    ):
        pass


def test_what_is_called_off_is_not_tried_again():
    loader = Loader(1)
    with pytest.raises(ConfigurationError), first(FEWER, loader, keep_going=lambda: False):
        pass

    assert loader.tried == [8]


def test_an_error_of_who_uses_it_is_not_taken_for_one_of_opening_it():
    loader = Loader(0)
    with pytest.raises(ConfigurationError, match="mine"), first(FEWER, loader, keep_going=lambda: True):
        raise ConfigurationError("mine")

    assert loader.tried == [8]


@pytest.mark.parametrize(("layers", "tried"), [(None, [0]), (0, [0]), (3, [3]), (-1, [-1]), ("all", [-1])])
def test_a_number_that_was_set_is_tried_and_nothing_else(tiny_path, layers, tried):
    # The CPU in place of a GPU: llama.cpp takes it for one, and then has nothing to move.
    devices = () if layers is None else ("CPU",)
    settings = Settings(threads=1, gpu_layers=layers, devices=devices)

    found = offloads(tiny_path, (), settings, keep_going=lambda: True)
    assert [offload.layers for offload in found] == tried


def test_as_many_as_fit_are_worked_out_from_the_file_and_the_device(tiny_path, caplog):
    settings = Settings(threads=1, context_size=64, gpu_layers="auto", devices=("CPU",))
    tensors = _gguf.check(tiny_path)

    found = [offload.layers for offload in offloads(tiny_path, tensors, settings, keep_going=lambda: True)]
    assert found == [3, 2, 1, 0]
    with (
        caplog.at_level(logging.WARNING, "asyncllm"),
        loaded(tiny_path, settings, keep_going=lambda: True) as model,
    ):
        assert (model.placement.gpu_layers, model.placement.layers) == (0, 3)
    assert [record.message.split()[0] for record in caplog.records] == ["fewer_layers_on_gpu"]
