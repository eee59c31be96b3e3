"""How GPUs share a model, and what attention keeps: checked, and put into llama.cpp's own parameters."""

import ctypes

import pytest

from asyncllm import LLM, ConfigurationError, InvalidParameter
from asyncllm_llamacpp import LlamaCppProvider, _settings
from asyncllm_llamacpp._attention import KV_TYPES, Attention, Heads
from asyncllm_llamacpp._devices import GPU, choose, gpus
from asyncllm_llamacpp._native import block, llama
from asyncllm_llamacpp._offload import Offload
from asyncllm_llamacpp._settings import Settings
from asyncllm_llamacpp._sharing import Sharing

RIG = (GPU("CUDA0", "CUDA"), GPU("CUDA1", "CUDA"))
NAMES = tuple(gpu.name for gpu in RIG)
NO_GPU = pytest.mark.skipif(bool(gpus()), reason="there is a GPU here")


@pytest.fixture
def rig(monkeypatch):
    monkeypatch.setattr(_settings, "gpus", lambda: RIG)


def model_params(sharing, split=None):
    params = llama.llama_model_default_params()
    sharing.fill(params, split)
    return params


@pytest.mark.parametrize(
    ("sharing", "mode", "main"),
    [
        (Sharing(), llama.LLAMA_SPLIT_MODE_LAYER, 0),
        (Sharing(split_mode="row"), llama.LLAMA_SPLIT_MODE_ROW, 0),
        (Sharing(split_mode="none"), llama.LLAMA_SPLIT_MODE_NONE, 0),
        (Sharing(main_gpu=1), llama.LLAMA_SPLIT_MODE_NONE, 1),
        (Sharing(main_gpu=1, split_mode="none"), llama.LLAMA_SPLIT_MODE_NONE, 1),
    ],
)
def test_who_shares_is_in_the_models_parameters(sharing, mode, main):
    params = model_params(sharing)

    assert (params.split_mode, params.main_gpu) == (mode, main)
    assert not params.tensor_split


@pytest.mark.parametrize(
    ("sharing", "split", "shares"),
    [
        (Sharing(tensor_split=(3, 1.5)), None, [3, 1.5]),
        (Sharing(tensor_split=(3, 1.5)), (9, 9), [3, 1.5]),
        (Sharing(), (20, 11), [20, 11]),
    ],
)
def test_shares_are_as_many_numbers_as_llama_cpp_reads(sharing, split, shares):
    params = model_params(sharing, split)
    most = llama.llama_max_devices()

    assert params.tensor_split[:most] == [*shares, *[0] * (most - len(shares))]


def test_the_devices_are_a_list_of_addresses_with_nothing_behind_the_last():
    params = llama.llama_model_default_params()
    kept = choose(params, ("CPU",))

    found = (ctypes.c_void_p * 2).from_address(params.devices)
    assert [*found] == [*kept]
    assert found[0]
    assert found[1] is None


@pytest.mark.parametrize("layers", [-1, 0, 7])
def test_the_number_of_layers_is_in_the_models_parameters(layers):
    params = llama.llama_model_default_params()
    kept = Offload(layers=layers).fill(params, Settings(threads=1))

    assert params.n_gpu_layers == layers
    assert [*kept] == [None]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"split_mode": "column"}, "split_mode takes none, layer, row; got 'column'"),
        ({"tensor_split": [1, -1]}, "tensor_split takes a list of numbers"),
        ({"tensor_split": [0, 0]}, "not all zero"),
        ({"tensor_split": "1,1"}, "tensor_split takes a list of numbers"),
        ({"tensor_split": [1, float("inf")]}, "tensor_split takes a list of numbers"),
        ({"tensor_split": [1, True]}, "tensor_split takes a list of numbers"),
        ({"main_gpu": -1}, "main_gpu takes a whole number from 0 on; got -1"),
        ({"main_gpu": 0, "split_mode": "layer"}, "main_gpu=0 puts all on one GPU, and split_mode='layer'"),
        ({"main_gpu": 0, "tensor_split": [1, 1]}, "tensor_split shares the model, and main_gpu puts all"),
        ({"split_mode": "none", "tensor_split": [1, 1]}, "tensor_split shares the model, and split_mode"),
        ({"tensor_split": [1, 1, 1]}, "of which there are 2 (CUDA0, CUDA1); got 3"),
        ({"main_gpu": 2}, "main_gpu=2 is none of the GPUs that take part, of which there are 2"),
        ({"flash_attention": "yes"}, "flash_attention takes auto, on, off; got 'yes'"),
        ({"flash_attention": True}, "flash_attention takes auto, on, off; got True"),
        ({"kv_type": "q2_k"}, "kv_type takes f32, f16"),
        ({"kv_type": None}, "kv_type takes a name as 'q8_0', or two"),
        ({"kv_type": ["f16"]}, "kv_type takes a name as 'q8_0', or two"),
        ({"kv_type": ["f16", 8]}, "kv_type takes f32, f16"),
        ({"kv_type": "q8_0", "flash_attention": "off"}, "values in q8_0 need flash attention"),
        ({"gpu_layers": "most"}, "or 'auto', or 'all'; got 'most'"),
        ({"gpu_layers": True}, "gpu_layers takes a whole number from -1"),
    ],
)
def test_what_cannot_be_or_contradicts_itself_is_refused(rig, given, told):
    with pytest.raises(InvalidParameter) as caught:
        LlamaCppProvider(**{"gpu_layers": "all", **given})

    assert told in str(caught.value)


def test_one_gpu_shares_with_nobody(rig):
    settings = Settings(threads=1, sharing=Sharing(tensor_split=(1,)))

    with pytest.raises(InvalidParameter, match=r"shares among several GPUs, and there is one \(CUDA1\)"):
        settings.on(("CUDA1",))


def test_who_says_how_to_share_asks_for_gpus_too(rig):
    settings = Settings(threads=1, sharing=Sharing(main_gpu=1))

    with pytest.raises(
        InvalidParameter, match=r"main_gpu: says how GPUs share .* give device= or gpu_layers="
    ):
        settings.on(None)
    assert settings.on(NAMES).sharing.taking_part(NAMES) == ("CUDA1",)


@NO_GPU
@pytest.mark.parametrize("given", [{"gpu_layers": "all"}, {"gpu_layers": 3}, {"main_gpu": 0}])
def test_settings_that_ask_for_a_gpu_where_there_is_none_name_what_gives_one(given):
    with pytest.raises(ConfigurationError, match=r"asks for a GPU, and .*-DGGML_CUDA=on"):
        LLM(**given)


@NO_GPU
def test_as_many_layers_as_fit_are_none_where_there_is_no_gpu(make_tiny):
    llm, engine = make_tiny(gpu_layers="auto")
    llm.run("ab")

    assert engine.placement.gpu_layers == 0


@pytest.mark.parametrize("kind", KV_TYPES)
def test_what_is_kept_is_in_the_contexts_parameters(kind):
    params = llama.llama_context_default_params()
    Attention.of("auto", [kind, "f16"]).fill(params)

    assert params.flash_attn_type == llama.LLAMA_FLASH_ATTN_TYPE_AUTO
    assert (params.type_k, params.type_v) == (KV_TYPES[kind], llama.GGML_TYPE_F16)
    assert block(params.type_k) is not None


@pytest.mark.parametrize(("word", "number"), [("auto", -1), ("on", 1), ("off", 0)])
def test_flash_attention_is_in_the_contexts_parameters(word, number):
    params = llama.llama_context_default_params()
    Attention.of(word, "f16").fill(params)

    assert params.flash_attn_type == number
    assert (
        llama.llama_flash_attn_type_name(number).decode() == {-1: "auto", 1: "enabled", 0: "disabled"}[number]
    )


def test_a_token_takes_as_much_as_the_types_say():
    heads = Heads(count=3, key=64, value=64)

    assert Attention().size(heads) == 3 * (64 + 64) * 2
    assert Attention(keys="q8_0", values="q4_0").size(heads) == 3 * (2 * 34 + 2 * 18)


@pytest.mark.anyio
async def test_heads_that_go_into_no_blocks_are_refused_before_llama_cpp_sees_them(make_tiny):
    llm, _ = make_tiny(kv_type="q8_0")

    with pytest.raises(ConfigurationError, match=r"keys have 16 numbers a head, and q8_0 packs 32 at a time"):
        await llm.arun("ab")
