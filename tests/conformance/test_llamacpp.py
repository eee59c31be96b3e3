"""A model in this process is what every provider has to be."""

import pytest

pytest.importorskip("llama_cpp")

from asyncllm.provider import Params
from asyncllm.testing import ProviderConformance
from asyncllm_llamacpp import LlamaCppProvider


@pytest.mark.slow
class TestLlamaCpp(ProviderConformance):
    provider = LlamaCppProvider
    model = "smollm2-135m-instruct"
    params = Params(max_tokens=8, seed=7, system_prompt="-")

    def settings(self, url):
        # One call after another: what is computed together may differ in its last bits, and the suite
        # wants the same answer each time.
        return {"threads": 1, "context_size": 512, "batch_size": 48, "max_sequences": 1}
