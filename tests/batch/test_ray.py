"""A dataset of Ray is asked row by row, in actors, and each row says what became of it."""

import os
import pickle
import sys
import tempfile
from pathlib import Path

import pytest

from asyncllm import (
    LLM,
    ConfigurationError,
    InvalidParameter,
    Limits,
    RequestRejected,
    UnknownParameter,
    errors,
)
from asyncllm.batch._task import seed_of
from asyncllm.batch.ray import Asker, ask, share
from asyncllm.batch.ray._share import shared
from asyncllm.testing import FakeProvider, ScriptedServer, openai_answer, openai_error

# Under "uv run" Ray would build the project's environment anew for each actor. It looks as it is imported.
os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")

TINY = Path(__file__).parents[1] / "llamacpp" / "beams" / "tiny.gguf"
GIVEN, FOUND = "sk-given-in-code", "sk-of-the-workers"


@pytest.mark.parametrize(
    ("limits", "actors", "shares"),
    [
        ({"max_concurrency": 64}, 4, {"max_concurrency": 16}),
        ({"max_concurrency": 7}, 3, {"max_concurrency": 2}),
        ({"requests_per_minute": 90, "tokens_per_minute": None}, 4, {"requests_per_minute": 22.5}),
        ({"requests_per_minute": 1, "max_concurrency": None}, 3, {"requests_per_minute": 1 / 3}),
    ],
)
def test_what_all_actors_may_do_is_shared_among_them(limits, actors, shares):
    assert share(limits, actors) == {**dict.fromkeys(limits), **shares}


def test_an_llms_limits_are_shared_as_well_and_what_is_no_amount_stays_as_it_is():
    limits = Limits(max_concurrency=9, requests_per_minute=100, adaptive=False, retry_budget=0.1)
    assert shared(limits, 4) == Limits(
        max_concurrency=2, requests_per_minute=25, adaptive=False, retry_budget=0.1
    )


def test_fewer_requests_than_actors_cannot_be_shared():
    with pytest.raises(InvalidParameter, match=r"max_concurrency=3 is for all .* may be 4"):
        share({"max_concurrency": 3}, 4)


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        ({"concurrency": 0}, InvalidParameter, "concurrency"),
        ({"concurrency": (3, 2)}, InvalidParameter, "the least number of actors and then the most"),
        ({"concurrency": (1, 2, 3)}, InvalidParameter, "the least and the most"),
        ({"concurrency": (1, 8), "max_concurrency": 4}, InvalidParameter, "may be 8"),
        ({"batch_size": 0}, InvalidParameter, "batch_size"),
        ({"on_error": "stop-after:3"}, InvalidParameter, "on_error takes 'keep' or 'raise'"),
        ({"into": ""}, InvalidParameter, "named by a text"),
        ({"temperature": 9}, InvalidParameter, "temperature"),
        ({"temprature": 1}, UnknownParameter, "temprature"),
        ({"per_row": {"temprature": "t"}}, UnknownParameter, "temprature"),
    ],
)
def test_what_is_wrong_is_told_before_anything_runs(wrong, error, words):
    with pytest.raises(error, match=words):
        ask(None, LLM("m", provider=FakeProvider), **wrong)


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray.data", None)

    with pytest.raises(ConfigurationError, match=r"pip install 'asyncllm-framework\[ray\]'"):
        ask(None, LLM("m", provider=FakeProvider))


def kinds(base):
    return [base, *(deeper for each in base.__subclasses__() for deeper in kinds(each))]


@pytest.mark.parametrize(
    "kind", [kind for kind in kinds(errors.LLMError) if kind.__module__ == errors.__name__]
)
def test_every_error_travels_from_process_to_process(kind):
    error = kind("what went wrong")
    error.more = 3
    arrived = pickle.loads(pickle.dumps(error))

    assert (type(arrived), str(arrived), arrived.more) == (kind, "what went wrong", 3)


@pytest.fixture
def arrow():
    return pytest.importorskip("pyarrow")


def fake(**given):
    return LLM("m", provider=lambda: FakeProvider(**given))


def test_a_table_keeps_its_columns_and_gets_what_became_of_its_rows(arrow):
    table = arrow.table({"prompt": ["one", "", None], "n": arrow.array([1, 2, 3], arrow.int8())})
    told = Asker(fake(reply="Hello"))(table)

    assert told.schema.field("n").type == arrow.int8()
    assert told.column_names[2:] == [
        "answer",
        "answer_error",
        "answer_error_message",
        "answer_attempts",
        "answer_input_tokens",
        "answer_output_tokens",
        "answer_finish_reason",
        "answer_adjustments",
    ]
    assert told["answer"].to_pylist() == ["Hello", None, None]
    assert told["answer_error"].to_pylist() == [None, "InvalidTask", "InvalidTask"]
    assert told["answer_attempts"].to_pylist() == [1, 0, 0]
    assert told["answer_finish_reason"].to_pylist() == ["stop", None, None]
    assert told["answer_output_tokens"].to_pylist()[0] > 0


def test_columns_have_types_also_where_they_are_empty(arrow):
    none = arrow.table({"prompt": arrow.array([], "string")})
    full = arrow.table({"prompt": ["one"]})
    asker = Asker(fake())

    assert asker(none).schema == asker(full).schema


def test_a_column_that_is_missing_or_in_the_way_is_named(arrow):
    with pytest.raises(InvalidParameter, match="no column 'prompt'; it has text"):
        Asker(fake())(arrow.table({"text": ["one"]}))
    with pytest.raises(InvalidParameter, match="'answer_error' already; name another one"):
        Asker(fake())(arrow.table({"prompt": ["one"], "answer_error": ["x"]}))
    with pytest.raises(InvalidParameter, match="batch_format='pyarrow'"):
        Asker(fake())({"prompt": ["one"]})


def test_rows_have_parameters_of_their_own_and_one_that_is_wrong_harms_no_other(arrow):
    table = arrow.table({"prompt": ["a", "b", "c"], "t": [0.5, None, 7.0]})
    seen = []
    llm = fake(reply=lambda request: seen.append(request.options.get("temperature")) or "x")
    told = Asker(llm, per_row={"temperature": "t"}, temperature=0.1)(table)

    assert sorted(seen) == [0.1, 0.5]
    assert told["answer_error"].to_pylist() == [None, None, "InvalidParameter"]


def test_an_error_that_is_not_to_be_kept_comes_before_anything_is_paid_for(arrow):
    provider = FakeProvider()
    asker = Asker(LLM("m", provider=lambda: provider), on_error="raise")

    with pytest.raises(errors.InvalidTask):
        asker(arrow.table({"prompt": ["one", ""]}))
    assert provider.requests == []


def seeds(table, **given):
    seen = {}
    llm = fake(reply=lambda request: str(seen.setdefault(request.messages[-1].text, request.options["seed"])))
    Asker(llm, seed=5, **given)(table)
    return seen


def test_a_rows_seed_depends_on_its_key_and_not_on_where_it_is_asked(arrow):
    table = arrow.table({"prompt": ["a", "b", "c"], "id": [1, 2, 3]})

    assert seeds(table, key="id") == {"a": seed_of(5, "1"), "b": seed_of(5, "2"), "c": seed_of(5, "3")}
    assert seeds(table.slice(1), key="id")["b"] == seed_of(5, "2")
    assert seeds(table)["b"] == seeds(table.slice(1))["b"] != seeds(table)["a"]


def test_a_row_without_its_key_is_not_asked(arrow):
    told = Asker(fake(), key="id")(arrow.table({"prompt": ["a", "b"], "id": ["x", None]}))

    assert told["answer_error"].to_pylist() == [None, "InvalidTask"]


@pytest.fixture(scope="module")
def cluster():
    """Ray on this machine, whose workers find a key of their own; yields where it writes its logs."""
    ray = pytest.importorskip("ray")
    data = pytest.importorskip("ray.data")
    # A socket's path is short, and pytest's own directories are not.
    with tempfile.TemporaryDirectory(prefix="ray") as directory, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", FOUND)
        patch.delenv("ANTHROPIC_API_KEY", raising=False)
        patch.setenv("RAY_AUTH_MODE", "disabled")
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, _temp_dir=directory)
        data.DataContext.get_current().enable_progress_bars = False
        try:
            yield Path(directory)
        finally:
            ray.shutdown()


on_ray = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore"),  # Ray's own affair.
]


def dataset(*texts):
    import ray.data

    return ray.data.from_items([{"prompt": text, "n": place} for place, text in enumerate(texts)])


def by_place(answered):
    return sorted(answered.take_all(), key=lambda row: row["n"])


def replying(request):
    text = request.body["messages"][-1]["content"]
    if text.startswith("bad"):
        return openai_error(400, "invalid_request_error", message=f"no {text}")
    return openai_answer(text.upper())


def remote(server, **given):
    return LLM("openai:gpt-4.1", base_url=server.url + "/v1", api_key=GIVEN, **given)


class TestOnRay:
    pytestmark = on_ray

    def test_rows_are_asked_by_actors_with_their_own_key_and_each_says_what_became_of_it(self, cluster):
        with ScriptedServer() as server:
            server.reply(replying)
            rows = by_place(
                ask(
                    dataset("a", "bad b", "c", "", "e"),
                    remote(server),
                    concurrency=(1, 2),
                    max_concurrency=4,
                    batch_size=5,
                )
            )

        assert [row["answer"] for row in rows] == ["A", None, "C", None, "E"]
        assert [row["answer_error"] for row in rows] == [None, "RequestRejected", None, "InvalidTask", None]
        assert "no bad b" in rows[1]["answer_error_message"]
        assert [row["answer_attempts"] for row in rows] == [1, 1, 1, 0, 1]
        assert len(server.requests) == 4
        assert server.most_running <= 2, "the share of one of two actors"
        assert {request.headers["authorization"] for request in server.requests} == {f"Bearer {FOUND}"}
        written = b"".join(path.read_bytes() for path in cluster.rglob("logs/**/*") if path.is_file())
        assert written
        assert GIVEN.encode() not in written
        assert FOUND.encode() not in written

    def test_the_first_error_fails_the_job_as_what_it_is(self, cluster):
        with ScriptedServer() as server:
            server.reply(replying)
            answered = ask(dataset("a", "bad b"), remote(server), on_error="raise", batch_size=2)
            with pytest.raises(RequestRejected, match="no bad b") as raised:
                answered.take_all()

        assert raised.value.status == 400

    def test_a_key_given_in_code_does_not_travel(self, cluster):
        llm = LLM("anthropic:claude-sonnet-4-6", base_url="http://127.0.0.1:9", api_key=GIVEN)
        (row,) = ask(dataset("a"), llm).take_all()

        assert row["answer_error"] == "MissingAPIKey"
        assert row["answer_attempts"] == 0

    def test_an_actor_has_a_model_of_its_own_in_its_process(self, cluster):
        llm = LLM(f"llamacpp:{TINY}", temperature=0, max_tokens=8)
        rows = by_place(ask(dataset("one", "two"), llm, batch_size=2))

        assert [row["answer"] for row in rows] == [llm.run("one"), llm.run("two")]
        assert all(row["answer_output_tokens"] for row in rows)
