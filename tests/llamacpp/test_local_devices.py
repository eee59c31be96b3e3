"""Where a model computes."""

import pytest

from asyncllm import ConfigurationError
from asyncllm_llamacpp._devices import GPU, gpus, meant
from asyncllm_llamacpp._native import llama
from asyncllm_llamacpp._settings import Settings

RIG = (GPU("CUDA0", "CUDA"), GPU("CUDA1", "CUDA"), GPU("Vulkan0", "Vulkan", is_integrated=True))
LAPTOP = (GPU("MTL0", "MTL", is_integrated=True),)


@pytest.mark.parametrize(
    ("device", "there", "names"),
    [
        ("cpu", RIG, ()),
        ("auto", RIG, ("CUDA0", "CUDA1")),
        ("auto", LAPTOP, ("MTL0",)),
        ("auto", (), ()),
        ("gpu", RIG, ("CUDA0", "CUDA1")),
        ("gpu:1", RIG, ("CUDA1",)),
        ("cuda", RIG, ("CUDA0", "CUDA1")),
        ("cuda:0", RIG, ("CUDA0",)),
        ("vulkan", RIG, ("Vulkan0",)),
        ("metal", LAPTOP, ("MTL0",)),
        ("mps", LAPTOP, ("MTL0",)),
    ],
)
def test_a_device_stands_for_gpus_by_name(device, there, names):
    assert names == meant(device, there)


@pytest.mark.parametrize("device", ["cuda:2", "rocm", "vulkan:1", "metal"])
def test_a_gpu_that_is_not_there_is_refused_with_those_that_are(device):
    with pytest.raises(
        ConfigurationError, match=f"device='{device}': llama.cpp sees CUDA0, CUDA1, Vulkan0 and"
    ):
        meant(device, RIG)


@pytest.mark.parametrize("device", ["gpu", "cuda:1", "metal", "sycl"])
def test_a_gpu_where_there_is_none_is_refused_with_the_way_to_one(make_llm, device):
    if llama.llama_supports_gpu_offload():
        pytest.skip("this llama.cpp is built for a GPU")
    with pytest.raises(ConfigurationError, match=rf"device='{device}' asks for a GPU.*-DGGML_CUDA=on"):
        make_llm().run("Hi.", device=device)


def test_llama_cpp_tells_which_gpus_there_are():
    assert bool(gpus()) == bool(llama.llama_supports_gpu_offload())


def test_the_layers_follow_the_device():
    settings = Settings(threads=1)
    placed = settings.on(("CUDA1",))

    assert (placed.devices, placed.gpu_layers) == (("CUDA1",), -1)
    assert settings.on(None) is settings


@pytest.mark.anyio
@pytest.mark.parametrize("device", ["cpu", "auto"])
async def test_a_device_that_changes_nothing_shares_the_model(llm, engine, device):
    if gpus():
        pytest.skip("there is a GPU here")
    steps = engine.steps
    response = await llm.agenerate("Hi.", device=device, max_tokens=1)

    assert engine.steps > steps
    assert response.adjustments == ()


def test_what_auto_comes_to_is_said(llm):
    plan = llm.plan("Hi.", device="auto")
    (verdict,) = [each for each in plan.verdicts if each.parameter == "device"]

    assert verdict.sent == ", ".join(gpu.name for gpu in gpus()) or "cpu"
