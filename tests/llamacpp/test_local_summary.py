"""A text that a model in this process cannot read at once is summarised by passages."""

import pytest

from asyncllm import ContextLengthExceeded

TEXT = "\n\n".join(
    f"In {year} the harbour of Brell was rebuilt in stone. The mayor paid for it with a tax on salt, "
    f"and the fishermen, who had asked for it, were the first to complain of the price of salt."
    for year in range(1900, 1910)
)


@pytest.mark.slow
def test_a_text_beyond_the_context_is_summarised(make_llm):
    llm = make_llm(max_tokens=12, temperature=0)
    with pytest.raises(ContextLengthExceeded):
        llm.run(TEXT)
    refused = llm.metrics().errors

    summary = llm.generate_summary(TEXT, style="sentence", max_words=10)
    metrics = llm.metrics()

    assert summary.strip()
    assert metrics.calls > 2
    assert metrics.errors == refused


def test_the_context_is_the_one_that_was_asked_for_or_the_usual_one(make_llm):
    sizes = [
        llm._llm_model.rulebook.context_size(llm._llm_model.applied("x", {}).request)
        for llm in (make_llm(), make_llm(context_size=None))
    ]

    assert sizes == [512, 8192]
