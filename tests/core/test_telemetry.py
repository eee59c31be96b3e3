"""OpenTelemetry: each call is told to it where the application has set it up, and nothing otherwise."""

import contextvars
import json
import logging
import subprocess
import sys

import anyio
import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.semconv._incubating.metrics import gen_ai_metrics
from opentelemetry.semconv.schemas import Schemas
from opentelemetry.trace import SpanKind, StatusCode

from asyncllm import LLM, InvalidTask, RequestRejected, Response, Retry, TimedOut, Unavailable
from asyncllm._observers._conventions import SCHEMA
from asyncllm.provider import Choice, Delta
from asyncllm.rules import Native, Unsupported
from asyncllm.testing import FakeProvider, Reply, ScriptedServer, anthropic_answer, openai_answer

CONTENT = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
QUICK = Retry(attempts=2, wait_initial=0)


@pytest.fixture
def tracing(monkeypatch):
    """Set up tracing as an application does, and undo it afterwards."""
    provider = TracerProvider()
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    yield provider
    provider.shutdown()


@pytest.fixture
def spans(tracing):
    exporter = InMemorySpanExporter()
    tracing.add_span_processor(SimpleSpanProcessor(exporter))
    return exporter.get_finished_spans


@pytest.fixture
def points(monkeypatch):
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    monkeypatch.setattr("opentelemetry.metrics._internal._METER_PROVIDER", provider)

    def collected():
        data = reader.get_metrics_data()
        scopes = (
            [] if data is None else [scope for each in data.resource_metrics for scope in each.scope_metrics]
        )
        return {metric.name: metric for scope in scopes for metric in scope.metrics}

    yield collected
    provider.shutdown()


@pytest.fixture(autouse=True)
def quiet(caplog):
    """OpenTelemetry logs where a context was left in another one than it was entered in."""
    yield
    assert [record for record in caplog.get_records("call") if record.name.startswith("opentelemetry")] == []


def made(reply="one two three", **given):
    return LLM("m", provider=lambda: FakeProvider(reply=reply), retry=QUICK, **given)


@pytest.mark.anyio
async def test_an_answered_call_is_a_span_in_the_words_of_the_conventions(spans):
    given = {"temperature": 0.5, "top_p": 0.9, "top_k": 7, "max_tokens": 50, "seed": 1, "stop_token": "zzz"}
    response = await made().agenerate("a b", frequency_penalty=0.1, presence_penalty=0.2, **given)
    [span] = spans()

    assert (span.name, span.kind, span.status.status_code) == ("chat m", SpanKind.CLIENT, StatusCode.UNSET)
    assert dict(span.attributes) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "FakeProvider",
        "gen_ai.request.model": "m",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 0.9,
        "gen_ai.request.top_k": 7,
        "gen_ai.request.max_tokens": 50,
        "gen_ai.request.seed": 1,
        "gen_ai.request.frequency_penalty": 0.1,
        "gen_ai.request.presence_penalty": 0.2,
        "gen_ai.request.stop_sequences": ("zzz",),
        "gen_ai.response.model": "m",
        "asyncllm.request_id": "fake",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 2,
        "gen_ai.usage.output_tokens": 3,
    }
    assert span.instrumentation_scope.name == "asyncllm"
    assert (span.end_time - span.start_time) / 1e9 == pytest.approx(response.timing.total, abs=1e-6)


@pytest.mark.anyio
async def test_a_parameter_that_the_model_does_not_get_is_in_no_span(spans):
    rules = {
        "temperature": Native(within=(0, 1)),
        "seed": Unsupported("cannot be seeded"),
        "response_format": Native(),
    }
    llm = LLM("m", provider=lambda: FakeProvider(rules=rules))
    await llm.agenerate(
        "x", temperature=2, seed=7, stop_token=["zzz"], num_return_sequences=2, response_format="json"
    )
    asked = dict(spans()[-1].attributes)

    assert asked["gen_ai.request.temperature"] == 1
    assert "gen_ai.request.seed" not in asked
    assert asked["gen_ai.request.stop_sequences"] == ("zzz",)
    assert asked["gen_ai.request.choice.count"] == 2
    assert asked["gen_ai.response.finish_reasons"] == ("stop", "stop")
    assert asked["gen_ai.output.type"] == "json"


@pytest.mark.anyio
async def test_a_failure_is_an_error_with_its_kind_and_its_retries(spans, monkeypatch):
    monkeypatch.setenv("SOME_API_KEY", "sk-a-very-secret-key")
    errors = [TimedOut("busy"), Unavailable("down with sk-a-very-secret-key for 'my prompt'")]

    def reply(request):
        raise errors.pop(0)

    with pytest.raises(Unavailable):
        await made(reply).arun("my prompt")
    [span] = spans()

    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "down with *** for '…'")
    assert span.attributes["error.type"] == "Unavailable"
    assert [(each.name, dict(each.attributes)) for each in span.events] == [
        ("asyncllm.retry", {"attempt": 1, "wait": 0, "error.type": "TimedOut"})
    ]


@pytest.mark.anyio
async def test_a_stream_that_breaks_is_left_or_is_cancelled_ends_its_span_so(spans):
    class Breaking(FakeProvider):
        async def _deltas(self, request):
            yield Delta(text="one")
            raise RequestRejected("no more")

    with pytest.raises(RequestRejected):
        async with LLM("m", provider=Breaking).astream("x") as stream:
            async for _ in stream:
                pass
    async with made().astream("x") as stream:
        await anext(stream)
    with anyio.move_on_after(0.05):
        await LLM("m", provider=lambda: FakeProvider(pause=60)).arun("x")
    with pytest.raises(InvalidTask):
        await made().arun("")
    broken, left, cancelled, refused = spans()

    assert (broken.status.status_code, broken.attributes["error.type"]) == (
        StatusCode.ERROR,
        "RequestRejected",
    )
    assert broken.attributes["gen_ai.response.finish_reasons"] == ("error",)
    assert "gen_ai.response.finish_reasons" not in left.attributes
    assert [each.attributes["error.type"] for each in (left, cancelled)] == ["cancelled"] * 2
    assert [each.status.status_code for each in (left, cancelled)] == [StatusCode.UNSET] * 2
    assert (refused.status.status_code, refused.attributes["error.type"]) == (StatusCode.ERROR, "InvalidTask")


@pytest.mark.anyio
async def test_a_stream_tells_its_first_piece_and_ends_with_its_last(spans):
    async with made().astream("x") as stream:
        assert [piece async for piece in stream]
        await anyio.sleep(0.05)
    [span] = spans()

    assert span.attributes["gen_ai.request.stream"] is True
    assert span.attributes["gen_ai.response.time_to_first_chunk"] == stream.response.timing.first_token
    assert (span.end_time - span.start_time) / 1e9 == pytest.approx(stream.response.timing.total, abs=1e-6)


class Asking(FakeProvider):
    """Begins a span of its own whenever it is asked, as an HTTP client does."""

    async def _deltas(self, request):
        for number in range(3):
            with trace.get_tracer("http").start_as_current_span(f"piece {number}"):
                await anyio.lowlevel.checkpoint()
            yield Delta(text="x ")
        yield Delta(finish_reason="stop")


@pytest.mark.anyio
async def test_the_span_is_current_while_the_provider_is_asked_and_never_for_the_caller(spans):
    with trace.get_tracer("app").start_as_current_span("caller") as caller:
        llm = LLM("m", provider=Asking)
        await llm.arun("x")
        async with llm.astream("x") as stream:
            assert trace.get_current_span() is caller
            async for _ in stream:
                assert trace.get_current_span() is caller
                with trace.get_tracer("app").start_as_current_span("own"):
                    pass
        assert trace.get_current_span() is caller

    calls = [span for span in spans() if span.name == "chat m"]
    assert [span.parent.span_id for span in calls] == [caller.get_span_context().span_id] * 2
    pieces = [span for span in spans() if span.name.startswith("piece")]
    assert [each.parent.span_id for each in pieces] == [
        span.context.span_id for span in calls for _ in range(3)
    ]
    own = [span for span in spans() if span.name == "own"]
    assert {each.parent.span_id for each in own} == {caller.get_span_context().span_id}


@pytest.mark.anyio
async def test_the_spans_of_a_batch_are_children_of_the_callers_and_so_are_those_of_the_twins(spans):
    with trace.get_tracer("app").start_as_current_span("caller") as caller:
        await made().abatch_run(["a", "b", "c"], max_concurrency=2)
        made().run("x")
        made().batch_run(["x"])
        with made().stream("x") as stream:
            assert list(stream)

    calls = [span for span in spans() if span.name == "chat m"]
    assert {span.parent.span_id for span in calls} == {caller.get_span_context().span_id}
    assert len({span.context.span_id for span in calls}) == len(calls) == 6


@pytest.mark.anyio
async def test_a_stream_may_be_read_and_closed_in_other_tasks_and_contexts(spans):
    opened = LLM("m", provider=Asking).astream("x")
    stream = await opened.__aenter__()

    async def read():
        with trace.get_tracer("app").start_as_current_span("reader"):
            await anext(stream)

    async def close():
        await opened.__aexit__(None, None, None)

    async with anyio.create_task_group() as group:
        group.start_soon(read)
    async with anyio.create_task_group() as group:
        group.start_soon(close)
    assert [span.name for span in spans()][-1] == "chat m"

    dropped = LLM("m", provider=Asking).astream("x")
    await anext(await dropped.__aenter__())
    await dropped.gen.aclose()
    assert spans()[-1].attributes["error.type"] == "cancelled"


def test_a_call_that_is_dropped_midway_is_closed_in_any_context(spans, caplog):
    class Suspended:
        def __await__(self):
            yield

    class Hanging(FakeProvider):
        async def complete(self, request):
            await Suspended()

    async def main():
        call = LLM("m", provider=Hanging).arun("x")
        call.send(None)
        contextvars.Context().run(call.close)

    anyio.run(main)

    assert "detach" not in caplog.text
    assert spans()[-1].attributes["error.type"] == "cancelled"


@pytest.mark.anyio
async def test_metrics_are_those_of_the_conventions(points):
    llm = made()
    await llm.arun("a b")
    async with llm.astream("a b") as stream:
        assert [piece async for piece in stream]
    with pytest.raises(RequestRejected):
        await made(lambda request: (_ for _ in ()).throw(RequestRejected("no"))).arun("x")
    found = points()
    durations = list(found["gen_ai.client.operation.duration"].data.data_points)
    whom = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "FakeProvider",
        "gen_ai.request.model": "m",
    }
    answered = {**whom, "gen_ai.response.model": "m"}

    assert {frozenset(each.attributes.items()): each.count for each in durations} == {
        frozenset(answered.items()): 2,
        frozenset({**whom, "error.type": "RequestRejected"}.items()): 1,
    }
    assert durations[0].explicit_bounds == (
        *(0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64),
        *(1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92),
    )
    tokens = found["gen_ai.client.token.usage"]
    assert {each.attributes["gen_ai.token.type"]: each.sum for each in tokens.data.data_points} == {
        "input": 4,
        "output": 6,
    }
    assert tokens.data.data_points[0].explicit_bounds == tuple(4**power for power in range(14))
    assert (tokens.unit, found["gen_ai.client.operation.duration"].unit) == ("{token}", "s")
    [first] = found["gen_ai.client.operation.time_to_first_chunk"].data.data_points
    assert (dict(first.attributes), first.count) == (answered, 1)


@pytest.mark.anyio
async def test_a_server_is_named_by_its_address(spans, points):
    with ScriptedServer() as server:
        server.reply(openai_answer("Hello!"))
        llm = LLM("openai:gpt-4.1", base_url=server.url + "/v1", api_key="sk-a-very-secret-key")
        await llm.arun("Hi", max_tokens=5)
        await llm.aclose()
        host, port = server.url.removeprefix("http://").split(":")
    [span] = [span for span in spans() if span.name == "chat gpt-4.1"]
    [duration] = points()["gen_ai.client.operation.duration"].data.data_points

    for attributes in (span.attributes, duration.attributes):
        assert (attributes["server.address"], attributes["server.port"]) == (host, int(port))
        assert attributes["gen_ai.provider.name"] == "openai"
    assert span.kind is SpanKind.CLIENT
    assert "secret" not in span.to_json()


@pytest.mark.parametrize(
    ("address", "provider"),
    [
        ("https://mine.openai.azure.com/openai/v1", "azure.ai.openai"),
        ("https://api.groq.com/openai/v1", "groq"),
        ("https://api.openai.com/v1", "openai"),
        ("http://localhost:8000/v1", "openai"),
    ],
)
def test_the_provider_is_who_answers_at_the_address(address, provider):
    from asyncllm._observers._conventions import server_attributes

    model = LLM("openai:gpt-4.1", base_url=address, api_key="k" * 9)._llm_model
    assert server_attributes(model)["gen_ai.provider.name"] == provider


def test_a_model_in_this_process_is_no_server(spans):
    class Here(FakeProvider):
        in_process = True

    LLM("m", provider=Here).run("x")

    assert spans()[0].kind is SpanKind.INTERNAL


def test_the_local_model_is_told_of_as_one(spans):
    LLM("llamacpp:smollm2-135m-instruct").run("Hi", max_tokens=1)
    [span] = spans()

    assert (span.name, span.kind) == ("chat smollm2-135m-instruct", SpanKind.INTERNAL)
    assert span.attributes["gen_ai.provider.name"] == "llamacpp"
    assert span.attributes["gen_ai.usage.output_tokens"] == 1


@pytest.mark.anyio
@pytest.mark.parametrize("asked", ["true", "SPAN_ONLY", "span_and_event", "log_content"])
async def test_prompts_and_answers_are_in_a_span_only_where_that_is_asked_for(
    spans, monkeypatch, tmp_path, asked
):
    monkeypatch.setenv("SOME_API_KEY", "sk-a-very-secret-key")
    for nothing in ("", "false", "NO_CONTENT", "EVENT_ONLY"):
        monkeypatch.setenv(CONTENT, nothing)
        await made().arun("my prompt", system_prompt="my role")
    assert "my " not in "".join(span.to_json() for span in spans())

    llm = made("my answer")
    if asked == "log_content":
        llm.enable_logging(tmp_path / "model.log", log_content=True)
    else:
        monkeypatch.setenv(CONTENT, asked)
    await llm.arun("my sk-a-very-secret-key")
    attributes = spans()[-1].attributes

    assert json.loads(attributes["gen_ai.input.messages"]) == [
        {"role": "user", "parts": [{"type": "text", "content": "my ***"}]}
    ]
    assert json.loads(attributes["gen_ai.output.messages"]) == [
        {"role": "assistant", "parts": [{"type": "text", "content": "my answer"}], "finish_reason": "stop"}
    ]


@pytest.mark.anyio
async def test_thoughts_are_parts_of_their_own_among_what_was_said(spans, monkeypatch):
    monkeypatch.setenv(CONTENT, "SPAN_ONLY")
    await LLM("m", provider=lambda: FakeProvider(reply="Yes.", reasoning="Hm.")).arun("Hi")

    (message,) = json.loads(spans()[-1].attributes["gen_ai.output.messages"])
    assert message["parts"] == [
        {"type": "reasoning", "content": "Hm."},
        {"type": "text", "content": "Yes."},
    ]


@pytest.mark.anyio
async def test_no_key_is_in_a_span_or_a_metric(spans, points, monkeypatch):
    key = "sk-a-very-secret-key"
    monkeypatch.setenv("SOME_TOKEN", key)

    class Echo(FakeProvider):
        async def complete(self, request):
            choices = (Choice(text="x", finish_reason="stop"),)
            return Response(choices=choices, model=key, request_id=key, raw={"id": key})

    await LLM(f"m-{key}", provider=Echo).agenerate("x", stop_token=[key])
    [span] = spans()
    [duration] = points()["gen_ai.client.operation.duration"].data.data_points

    assert key not in span.to_json()
    assert (span.name, span.attributes["gen_ai.response.model"]) == ("chat m-***", "***")
    assert (span.attributes["gen_ai.response.id"], span.attributes["asyncllm.request_id"]) == ("***", "***")
    assert span.attributes["gen_ai.request.stop_sequences"] == ("***",)
    assert key not in str(dict(duration.attributes))


@pytest.mark.anyio
async def test_the_id_is_the_answers_own_and_what_the_support_asks_for_stands_beside_it(spans):
    with ScriptedServer() as server:
        server.reply(Reply(json=openai_answer("Hello!").json, headers={"x-request-id": "req_1"}))
        llm = LLM("openai:gpt-4.1", base_url=server.url + "/v1", api_key="a-secret-key", dialect="openai")
        response = await llm.agenerate("Hi", max_tokens=5)
        await llm.aclose()
    attributes = next(span.attributes for span in spans() if span.name == "chat gpt-4.1")

    assert attributes["gen_ai.response.id"] == response.raw["id"]
    assert attributes["asyncllm.request_id"] == "req_1"


@pytest.mark.parametrize(
    ("model", "address"),
    [
        ("openai:gpt-4.1", ("api.openai.com", 443)),
        ("anthropic:claude-sonnet-4-6", ("api.anthropic.com", 443)),
        ("ollama:qwen3", ("127.0.0.1", 11434)),
    ],
)
def test_a_vendors_own_address_is_known(spans, monkeypatch, model, address):
    for variable in ("OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "OLLAMA_HOST"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(InvalidTask):  # Nothing is sent.
        LLM(model, api_key="sk-a-very-secret-key").run("")

    assert (spans()[0].attributes["server.address"], spans()[0].attributes["server.port"]) == address


@pytest.mark.anyio
async def test_a_system_prompt_that_is_sent_apart_is_told_apart(spans, monkeypatch):
    monkeypatch.setenv(CONTENT, "true")
    with ScriptedServer() as server:
        server.reply(anthropic_answer("Hello!"))
        given = {"base_url": server.url, "api_key": "sk-a-very-secret-key", "system_prompt": "Be brief."}
        llm = LLM("anthropic:claude-sonnet-4-6", **given)
        await llm.arun("Hi", max_tokens=5)
        await llm.aclose()
    await made().arun("Hi", system_prompt="Be brief.")
    apart, within = (span.attributes for span in spans() if span.name.startswith("chat "))

    assert json.loads(apart["gen_ai.system_instructions"]) == [{"type": "text", "content": "Be brief."}]
    assert [each["role"] for each in json.loads(apart["gen_ai.input.messages"])] == ["user"]
    assert "gen_ai.system_instructions" not in within


@pytest.mark.anyio
async def test_the_release_of_the_conventions_is_told_and_has_every_attribute(spans, points):
    async with made().astream("x", reasoning_effort="low", stop_token="zzz", seed=1, top_k=3) as stream:
        assert [piece async for piece in stream]
    [span] = spans()

    assert span.instrumentation_scope.schema_url == SCHEMA == list(Schemas)[-1].value
    known = {value for value in vars(gen_ai_attributes).values() if isinstance(value, str)}
    assert {name for name in span.attributes if name.startswith("gen_ai.")} <= known
    names = {value for value in vars(gen_ai_metrics).values() if isinstance(value, str)}
    assert set(points()) <= names


@pytest.mark.anyio
async def test_where_the_application_takes_no_samples_the_call_is_as_ever(monkeypatch):
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", TracerProvider(sampler=ALWAYS_OFF))

    assert await made().arun("x") == "one two three"


@pytest.mark.anyio
async def test_what_listens_and_fails_fails_no_call(tracing, caplog):
    class Broken(SpanProcessor):
        def on_start(self, span, parent_context=None):
            raise RuntimeError("the exporter is gone")

    tracing.add_span_processor(Broken())
    caplog.set_level(logging.WARNING, logger="asyncllm")

    assert await made().arun("x") == "one two three"
    assert "observer_failed observer='Spans'" in caplog.text


@pytest.mark.anyio
async def test_nothing_is_measured_where_only_the_api_is_there(monkeypatch):
    assert isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
    monkeypatch.setattr("asyncllm._observers._method.Spans", None)  # Not callable: it would be told of.

    assert await made().arun("x") == "one two three"
    assert metrics.get_meter_provider().__class__.__name__ == "_ProxyMeterProvider"


def test_nothing_of_opentelemetry_is_imported_for_a_call():
    code = """
import sys
from asyncllm import LLM
from asyncllm.testing import FakeProvider
LLM("m", provider=FakeProvider).run("x")
print([name for name in sys.modules if name.startswith("opentelemetry")])
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"
