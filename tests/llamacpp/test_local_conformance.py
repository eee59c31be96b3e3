"""A model in this process is what every provider has to be."""

from types import MappingProxyType

from asyncllm.testing import ProviderConformance
from asyncllm_llamacpp import LlamaCppProvider


class TestLocalModels(ProviderConformance):
    provider = LlamaCppProvider
    params = MappingProxyType({"max_tokens": 8, "temperature": 0})

    def settings(self, url):
        return {"threads": 1, "context_size": 512, "batch_size": 64}
