"""The usage example of the specification: verbatim, but for the import and the model's name."""

import re
from pathlib import Path

import pytest

from asyncllm import UnsupportedParameter

PAGE = Path(__file__).parents[2] / "docs" / "interface.md"

EXAMPLE = """\
# Import the BaseLLM class
from asyncllm import BaseLLM

# Create an instance of the language model
language_model = BaseLLM(
    model_name="llamacpp:smollm2-135m-instruct",
    max_tokens=50,
    temperature=0.7,
    top_k=50,
    top_p=0.9,
    device="cuda",
)

# Generate text for a task
task = "Translate the following English text to French: 'Hello, world.'"
generated_text = language_model.run(task)

# Print the generated text
print(generated_text)
"""

TASK = "Translate the following English text to French: 'Hello, world.'"
SPECIFIED = {"max_tokens": 50, "temperature": 0.7, "top_k": 50, "top_p": 0.9, "device": "cuda"}


def test_the_page_shows_it():
    assert EXAMPLE in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


def test_it_runs_on_a_model_in_this_process(local, capsys):
    names = {}
    exec(EXAMPLE, names)
    llm = names["language_model"]

    assert llm.parameters == SPECIFIED
    assert names["generated_text"].strip()
    assert capsys.readouterr().out == names["generated_text"] + "\n"
    assert llm.metrics().calls == 1
    llm.close()


def test_what_becomes_of_its_parameters_is_told(subject):
    with subject.make(**SPECIFIED) as llm:
        response = llm.generate(TASK, max_tokens=2)
    told = {change.parameter: change.verdict for change in response.adjustments}

    expected = {
        "local":     {} if on_gpu(subject) else {"device": "dropped"},
        "openai":    {"top_k": "dropped", "device": "inapplicable"},
        "anthropic": {"top_p": "dropped", "device": "inapplicable", "anthropic-version": "translated"},
    }  # fmt: skip
    assert told == expected[subject.name]


@pytest.mark.parametrize(
    "asked", [{"strict": True}, {"policy": {"device": "require"}}], ids=["strict", "policy"]
)
def test_a_gpu_that_is_required_is_there_or_refused_before_anything_is_loaded(local, asked):
    llm = local.make(**SPECIFIED, **asked)
    if on_gpu(local):
        assert llm.plan(TASK).refusal is None
        return

    with pytest.raises(UnsupportedParameter, match="dropped device"):
        llm.run(TASK)
    (adjustment,) = local.make(device="cuda").plan(TASK).adjustments
    assert "llama.cpp is built" in adjustment.reason


def on_gpu(subject):
    """Say whether the local model can do what the example asks: compute on CUDA."""
    return subject.is_local and not subject.make(device="cuda").plan(TASK).adjustments
