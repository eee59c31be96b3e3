"""FakeProvider is what every provider has to be."""

from asyncllm.testing import FakeProvider, ProviderConformance


class TestFake(ProviderConformance):
    provider = FakeProvider
