"""Where a model computes."""

import pytest

from asyncllm import UnsupportedParameter
from asyncllm_llamacpp import _rows
from asyncllm_llamacpp._devices import GPU, built, gpus, lacking, meant
from asyncllm_llamacpp._engines import engines
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


@pytest.mark.parametrize(
    ("device", "there", "backends", "told"),
    [
        ("cuda:2", RIG, {"CUDA", "Vulkan"}, "is built for CUDA, and sees CUDA0, CUDA1, Vulkan0 here"),
        ("gpu:7", RIG, {"CUDA", "Vulkan"}, "is built for GPUs, and sees CUDA0, CUDA1, Vulkan0 here"),
        ("cuda", (), {"CUDA"}, "is built for CUDA, and sees no GPU here"),
        ("rocm", RIG, {"CUDA"}, 'is built without rocm; rebuild it: CMAKE_ARGS="-DGGML_HIP=on" pip install'),
        ("cuda:1", (), {}, 'is built without cuda; rebuild it: CMAKE_ARGS="-DGGML_CUDA=on" pip install'),
        ("mps", (), {}, 'is built without mps; rebuild it: CMAKE_ARGS="-DGGML_METAL=on" pip install'),
        ("sycl", (), {}, 'is built without sycl; rebuild it: CMAKE_ARGS="-DGGML_SYCL=on" pip install'),
        ("vulkan", (), {}, 'is built without vulkan; rebuild it: CMAKE_ARGS="-DGGML_VULKAN=on" pip install'),
        ("gpu", (), {}, 'is built without GPUs; for NVIDIA, rebuild it: CMAKE_ARGS="-DGGML_CUDA=on" pip'),
    ],
)
def test_a_gpu_that_is_not_there_is_told_of_with_what_gives_one(device, there, backends, told):
    assert meant(device, there) == ()
    assert told in lacking(device, there, frozenset(backends))


NO_GPU = pytest.mark.skipif(bool(gpus()), reason="there is a GPU here")


@NO_GPU
@pytest.mark.anyio
@pytest.mark.parametrize("device", ["gpu", "cuda", "cuda:1", "metal"])
async def test_where_there_is_no_gpu_the_cpu_answers_and_says_so(llm, engine, device):
    steps = engine.steps
    response = await llm.agenerate("Hi.", device=device, max_tokens=1)
    (adjustment,) = response.adjustments

    assert engine.steps > steps
    assert (adjustment.parameter, adjustment.verdict, adjustment.asked) == ("device", "dropped", device)
    assert adjustment.reason == lacking(device, (), built())


@NO_GPU
@pytest.mark.parametrize("asked", [{"strict": True}, {"policy": {"device": "require"}}])
def test_a_gpu_that_is_required_and_not_there_is_refused_before_anything_is_loaded(
    make_llm, monkeypatch, asked
):
    monkeypatch.setattr(engines, "hold", lambda *_: pytest.fail("a model was asked for"))

    with pytest.raises(UnsupportedParameter, match=r"dropped device \('cuda'\)"):
        make_llm(device="cuda", **asked).run("Hi.")


def test_what_is_asked_for_and_there_is_not_dropped(llm, monkeypatch):
    monkeypatch.setattr(_rows, "gpus", lambda: RIG)

    assert verdict_of(llm, "cuda:1").sent == "CUDA1"
    assert verdict_of(llm, "metal").verdict == "dropped"


def test_llama_cpp_tells_which_gpus_there_are():
    assert bool(gpus()) == bool(llama.llama_supports_gpu_offload())


def test_the_layers_follow_the_device():
    settings = Settings(threads=1)
    placed = settings.on(("CUDA1",))

    assert (placed.devices, placed.gpu_layers) == (("CUDA1",), "auto")
    assert Settings(threads=1, gpu_layers=0).on(("CUDA1",)).gpu_layers == 0
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
    assert verdict_of(llm, "auto").sent == (", ".join(gpu.name for gpu in gpus()) or "cpu")


def verdict_of(llm, device):
    (verdict,) = [each for each in llm.plan("Hi.", device=device).verdicts if each.parameter == "device"]
    return verdict
