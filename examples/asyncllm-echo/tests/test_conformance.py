from asyncllm_echo import EchoProvider

from asyncllm import LLM
from asyncllm.testing import ProviderConformance


class TestEcho(ProviderConformance):
    provider = EchoProvider


def test_it_is_found_by_its_name_and_by_the_models_that_it_claims() -> None:
    assert LLM("echo:any", shout=True).run("Hello there") == "HELLO THERE"
    assert LLM("echo-1").run("Hello there", max_tokens=1) == "Hello"
