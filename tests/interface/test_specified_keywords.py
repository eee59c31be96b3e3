"""Every specified method can be called with the names that its arguments are specified with."""

import inspect

import pytest

from asyncllm import LLM
from asyncllm.testing import FakeProvider

SPECIFIED = {
    "run":                    {"task": "x"},
    "arun":                   {"task": "x"},
    "batch_run":              {"tasks": ["x", "y"]},
    "abatch_run":             {"tasks": ["x", "y"]},
    "chat":                   {"task": "x", "history": ""},
    "__call__":               {"task": "x"},
    "_tokens_per_second":     {},
    "_num_tokens":            {"text": "a b"},
    "_time_for_generation":   {"task": "x"},
    "generate_summary":       {"text": "A text of a few words."},
    "set_temperature":        {"value": 0.5},
    "set_max_tokens":         {"value": 5},
    "clear_history":          {},
    "enable_logging":         {"log_file": "model.log"},
    "log_event":              {"message": "noted"},
    "save_checkpoint":        {"checkpoint_dir": "checkpoints"},
    "load_checkpoint":        {"checkpoint_path": None},
    "toggle_creative_mode":   {"enable": True},
    "track_resource_utilization": {},
    "get_generation_time":    {},
    "set_max_length":         {"max_length": 100},
    "set_model_name":         {"model_name": "n"},
    "set_frequency_penalty":  {"frequency_penalty": 0.5},
    "set_presence_penalty":   {"presence_penalty": 0.5},
    "set_stop_token":         {"stop_token": "###"},
    "set_length_penalty":     {"length_penalty": 1.5},
    "set_role":               {"role": "user"},
    "set_top_k":              {"top_k": 5},
    "set_top_p":              {"top_p": 0.5},
    "set_num_beams":          {"num_beams": 2},
    "set_do_sample":          {"do_sample": True},
    "set_early_stopping":     {"early_stopping": True},
    "set_seed":               {"seed": 7},
    "set_device":             {"device": "cpu"},
}  # fmt: skip
"""The methods as they are specified, and a value for each argument."""


@pytest.mark.anyio
@pytest.mark.parametrize("name", SPECIFIED)
async def test_a_specified_method_takes_its_arguments_by_their_specified_names(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    llm = LLM("m", provider=lambda: FakeProvider(reply="one two three"))
    await llm.arun("x")
    given = dict(SPECIFIED[name])
    if name == "load_checkpoint":
        given["checkpoint_path"] = await llm.asave_checkpoint()

    returned = getattr(llm, name)(**given)
    if inspect.isawaitable(returned):
        await returned


@pytest.mark.parametrize("name", SPECIFIED)
def test_a_specified_name_is_in_the_signature_itself(name):
    taken = inspect.signature(getattr(LLM, name)).parameters

    assert SPECIFIED[name].keys() <= taken.keys()
