"""Where a model came to be is told: as llama.cpp says it, and on the CPU for real."""

import logging

import pytest

from asyncllm import LLM
from asyncllm_llamacpp import Held
from asyncllm_llamacpp._attention import Attention
from asyncllm_llamacpp._model import loaded
from asyncllm_llamacpp._placement import placement
from asyncllm_llamacpp._settings import Settings

MIB = 2**20

ON_TWO_GPUS = """
load_tensors: offloading output layer to GPU
load_tensors: offloading 20 repeating layers to GPU
load_tensors: offloaded 21/33 layers to GPU
load_tensors:   CPU_Mapped model buffer size =  1000.50 MiB
load_tensors:        CUDA0 model buffer size =  2000.00 MiB
load_tensors:        CUDA1 model buffer size =  1500.00 MiB
llama_context:  CUDA_Host  output buffer size =     0.50 MiB
llama_kv_cache:        CPU KV buffer size =   100.00 MiB
llama_kv_cache:      CUDA0 KV buffer size =   200.00 MiB
llama_kv_cache:      CUDA1 KV buffer size =   150.00 MiB
llama_memory_recurrent:      CUDA1 RS buffer size =     8.00 MiB
resolve_fused_ops: Flash Attention enabled
sched_reserve:      CUDA0 compute buffer size =   300.25 MiB
sched_reserve:      CUDA1 compute buffer size =   300.00 MiB
sched_reserve:  CUDA_Host compute buffer size =    20.00 MiB
""".strip().splitlines()


def test_what_llama_cpp_says_is_added_up_by_device():
    placed = placement(ON_TWO_GPUS, layers=33, attention=Attention(keys="q8_0"))

    assert (placed.gpu_layers, placed.layers) == (21, 33)
    assert placed.flash_attention is True
    assert placed.kv_type == ("q8_0", "f16")
    assert placed.held == (
        Held(device="CPU", weights=1000 * MIB + MIB // 2, context=100 * MIB, compute=20 * MIB + MIB // 2),
        Held(device="CUDA0", weights=2000 * MIB, context=200 * MIB, compute=300 * MIB + MIB // 4),
        Held(device="CUDA1", weights=1500 * MIB, context=158 * MIB, compute=300 * MIB),
    )


@pytest.mark.parametrize(
    ("lines", "asked", "came"),
    [
        (["resolve_fused_ops: Flash Attention not supported, set to disabled"], "auto", False),
        (
            ["llama_init_from_model: enabling flash_attn since it is required for quantized V cache"],
            "auto",
            True,
        ),
        (["llama_init_from_model: flash_attn is not compatible with Grok - forcing off"], "on", False),
        ([], "on", True),
        ([], "off", False),
        ([], "auto", None),
    ],
)
def test_flash_attention_is_told_as_it_came_out(lines, asked, came):
    assert placement(lines, layers=1, attention=Attention(flash=asked)).flash_attention is came


def placed(path, **given):
    attention = Attention.of(given.pop("flash_attention", "auto"), given.pop("kv_type", "f16"))
    settings = Settings(threads=1, context_size=256, total_context=512, attention=attention, **given)
    with loaded(path, settings, keep_going=lambda: True) as model:
        return model.placement


def test_on_the_cpu_each_type_of_numbers_takes_its_room(path):
    (plain,) = placed(path).held
    (packed,) = placed(path, kv_type="q8_0").held
    (mixed,) = placed(path, kv_type=["q8_0", "f16"]).held

    assert plain.device == "CPU"
    assert plain.weights > 80 * MIB
    assert plain.compute > 0
    assert plain.context == 512 * 30 * 3 * (64 + 64) * 2
    assert packed.context == pytest.approx(plain.context * 34 / 64, rel=0.001)
    assert mixed.context == pytest.approx((plain.context + packed.context) / 2, rel=0.001)


@pytest.mark.parametrize(("asked", "came"), [("on", True), ("off", False), ("auto", True)])
def test_on_the_cpu_flash_attention_comes_as_asked(tiny_path, asked, came):
    assert placed(tiny_path, flash_attention=asked).flash_attention is came


@pytest.mark.anyio
async def test_a_model_with_packed_numbers_answers(path):
    async with LLM(
        f"llamacpp:{path}",
        threads=1,
        context_size=256,
        total_context=512,
        kv_type="q8_0",
        flash_attention="on",
    ) as llm:
        answer = await llm.arun("Say hello.", temperature=0, max_tokens=6)
        found = llm.track_resource_utilization()
        shown = str(found)

    assert "Hello" in answer
    assert (found.gauges["layers_on_gpu"], found.gauges["layers"]) == (0, 31)
    assert found.gauges["memory_context"] == pytest.approx(512 * 30 * 3 * 128 / 32 * 34, rel=0.001)
    assert "MiB" in shown.partition("memory weights")[2]


def test_a_log_line_tells_where_a_model_came_to_be(make_tiny, caplog):
    with caplog.at_level(logging.INFO, "asyncllm"):
        llm, _ = make_tiny()
        llm.run("ab")

    (line,) = [record.message for record in caplog.records if "model_placed" in record.message]
    assert "file='tiny.gguf' layers_on_gpu=0 layers=3 flash_attention=True" in line
