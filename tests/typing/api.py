"""
What type checkers see. This file is checked, never run.

A line that must be an error is marked for mypy and for pyright apart; both
report a mark where there is no error, so each marked line is a test as well.
"""

import copy
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, assert_type

from asyncllm import (
    LLM,
    Answers,
    BaseLLM,
    BlockingStream,
    Count,
    Effort,
    FinishReason,
    LLMError,
    Message,
    Metrics,
    Params,
    Prompt,
    RateLimited,
    Response,
    Restored,
    Retry,
    Stream,
    Text,
    Usage,
    available,
)
from asyncllm.provider import Delta, Provider, Request
from asyncllm.resources import UtilizationReport
from asyncllm.rules import Native, Rule, Rules, StopTokens, Unsupported
from asyncllm.testing import FakeProvider

llm = LLM("openai:gpt-5.2", temperature=0.7, stop_token="\n", api_key="a setting of the provider's own")
assert_type(llm, LLM)
assert_type(BaseLLM("m"), LLM)
assert_type(LLM(), LLM)
assert_type(LLM(model_name="m", retry=Retry(attempts=1), strict=True), LLM)
assert_type(LLM("m", provider=FakeProvider), LLM)
assert_type(LLM("m", provider=lambda: FakeProvider(reply="x")), LLM)


# Parameters are attributes.

assert_type(llm.temperature, float | None)
assert_type(llm.max_tokens, int | None)
assert_type(llm.stop_token, str | Sequence[str] | None)
assert_type(llm.reasoning_effort, Effort | None)
assert_type(llm.repition_penalty, float | None)
assert_type(llm.parameters, dict[str, Any])
assert_type(llm.model_name, str)
llm.temperature = 1
llm.temperature = None
llm.stop_token = ["a", "b"]
llm.reasoning_effort = "low"
llm.temperature = "hot"  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
llm.reasoning_effort = "extreme"  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
llm.model_name = "another"
llm.model_name = 5  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]

# Setters take what the attributes take, and return what they were called on.

assert_type(llm.set_temperature(0.5).set_max_tokens(value=5).set_stop_token(stop_token="\n"), LLM)
assert_type(llm.set_early_stopping("never").set_eos_token_id([1, 2]).set_seed(None), LLM)
assert_type(llm.set_model_name("m", like="n", base_url="a setting").toggle_creative_mode(True), LLM)
assert_type(llm.creative_mode, bool)
llm.set_temperature("hot")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
llm.set_role("king")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
llm.set_top_k(1.5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
llm.set_temperature()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
LLM("m", temperature="hot")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
LLM("m", "openai")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
LLM("m", provider=dict)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def asynchronous() -> None:
    assert_type(await llm.arun("x"), str)
    assert_type(await llm.arun("x", max_tokens=5, temperature=None, repition_penalty=1.2), str)
    assert_type(await llm.agenerate(Message("user", "x"), seed=1), Response)
    assert_type(await llm.abatch_run(["x"]), Answers[str])
    assert_type(await llm.abatch_run((str(n) for n in range(3)), max_concurrency=3, top_p=0.5), Answers[str])
    assert_type(await llm.abatch_run(["x"], return_errors=False), Answers[str])
    assert_type(await llm.abatch_run(["x"], return_errors=True), Answers[str | LLMError])
    assert_type(await llm.achat("x", [Message("user", "y")]), str)
    assert_type(await llm.anum_tokens("x"), Count)
    assert_type(await llm.asave_checkpoint(), Path)
    assert_type(await llm.aclose(), None)
    async with llm as entered:
        assert_type(entered, LLM)
    async with llm.astream("x", top_k=3) as stream:
        assert_type(stream, Stream)
        assert_type(stream.text, str)
        assert_type(stream.reasoning, str)
        assert_type(stream.reasoning_pieces(), AsyncIterator[str])
        assert_type(stream.response, Response)
        async for piece in stream:
            assert_type(piece, str)

    await llm.arun("x", temprature=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await llm.arun("x", temperature="hot")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await llm.arun("x", 5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await llm.arun(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await llm.agenerate()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await llm.agenerate("x", max_concurrency=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await llm.abatch_run(["x"], temprature=1)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    await llm.abatch_run([5])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    async with llm.astream("x", temprature=1):  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
        pass


def synchronous() -> None:
    assert_type(llm.run("x"), str)
    assert_type(llm.run("x", max_tokens=5, stop_token=("a", "b")), str)
    assert_type(llm.generate([{"role": "user", "content": "x"}], reasoning_effort="high"), Response)
    assert_type(llm.batch_run(["x"]), Answers[str])
    assert_type(llm.batch_run(["x"], return_errors=False, temperature=1), Answers[str])
    assert_type(llm.batch_run(["x"], return_errors=True, max_concurrency=2), Answers[str | LLMError])
    assert_type(llm.chat("x", "before"), str)
    assert_type(llm("x", temperature=1), str)
    assert_type(llm.metrics(), Metrics)
    assert_type(llm.load_checkpoint(llm.save_checkpoint("there")), Restored)
    assert_type(llm.close(), None)
    assert_type(llm.stream("x"), AbstractContextManager[BlockingStream[Response]])
    with llm as entered:
        assert_type(entered, LLM)
    with llm.stream("x", seed=3) as stream:
        assert_type(stream.text, str)
        assert_type(stream.reasoning, str)
        assert_type(stream.reasoning_pieces(), Iterator[str])
        assert_type(stream.response, Response)
        for piece in stream:
            assert_type(piece, str)

    llm.run("x", temprature=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    llm.run("x", temperature="hot")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    llm.generate()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    llm.generate(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    llm.batch_run(["x"], temprature=1)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    with llm.stream("x", temprature=1):  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
        pass


# A twin is its source without the waiting.

ask_later: Callable[[str], Coroutine[Any, Any, str]] = llm.arun
ask: Callable[[str], str] = llm.run


# Responses and errors are what they say.

reply = llm.generate("x")
assert_type(reply.text, str)
assert_type(reply.texts, tuple[str, ...])
assert_type(reply.finish_reason, FinishReason)
assert_type(reply.usage, Usage | None)
assert_type(reply.tokens_per_second, float | None)
reply.attempts = 3  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
Message("robot", "x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
assert_type(Message("user", [Text("x")]).text, str)
assert_type(available(), tuple[str, ...])
tasks: list[Prompt] = ["x", Message("user", "x"), [Message("user", "x")], [{"role": "user", "content": "x"}]]
shared: Params = {"temperature": 0.5, "stop_token": ["x"]}
assert_type(llm.run("x", **shared), str)
misspelt: Params = {"temprature": 0.5}  # type: ignore[typeddict-unknown-key]  # pyright: ignore[reportAssignmentType]
assert_type(copy.copy(llm), LLM)
assert_type(llm.generate_summary("x", style="bullets", max_words=9), str)
with llm.chat_stream("x") as chatted:
    assert_type(chatted, BlockingStream[Response])
assert_type(llm.enable_logging("x.log", log_content=True), LLM)
assert_type(llm.track_resource_utilization(), UtilizationReport)
with llm.track_resource_utilization() as tracked:
    assert_type(tracked.peak.process.memory, float)

try:
    llm.run("x")
except RateLimited as error:
    assert_type(error.retry_after, float | None)


# A plugin's author is checked as well.


class Plugin(Provider):
    def __init__(self, *, api_key: str) -> None:
        self._key = api_key

    def rules(self, model: str, params: Params) -> Rules:
        return {
            "temperature": Native(within=(0, 1)),
            "stop_token": StopTokens("stop", at_most=4),
            "seed": Unsupported("cannot be seeded"),
        }

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncGenerator[AsyncGenerator[Delta]]:
        assert_type(request.options, Mapping[str, Any])
        yield self._deltas()

    async def _deltas(self) -> AsyncGenerator[Delta]:
        yield Delta(text="x", finish_reason="stop")


assert_type(LLM("m", provider=Plugin, api_key="k"), LLM)
row: Rule = Native()
not_a_row: Rule = object()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
Native(within=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


class WithoutRules(Provider):
    pass


WithoutRules()  # type: ignore[abstract]  # pyright: ignore[reportAbstractUsage]
