"""Whatever an SDK raises, a caller sees one of a few kinds, and never a key."""

import copy
import email.utils
import pickle
import time
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

import asyncllm
from asyncllm import (
    LLM,
    AuthenticationFailed,
    ContextLengthExceeded,
    IncompleteResponse,
    InvalidTask,
    LLMError,
    ModelNotFound,
    ProviderError,
    QuotaExceeded,
    RateLimited,
    RequestRejected,
    TimedOut,
    Unavailable,
)
from asyncllm.errors import BY_STATUS, failure, retry_after, translated
from asyncllm.provider import Provider
from asyncllm.testing import FakeProvider

pytestmark = pytest.mark.anyio

KEY = "sk-a-secret-key"


class SDKError(Exception):
    """As the SDKs have it."""

    def __init__(self, message="", *, status_code=None, code=None, kind=None, headers=None, request_id=None):
        super().__init__(message)
        self.status_code, self.code, self.type, self.request_id = status_code, code, kind, request_id
        if headers is not None:
            self.response = Answer(headers)


class Answer:
    def __init__(self, headers):
        self.headers = headers


class SDKTimeout(SDKError):
    pass


TABLE = {
    SDKTimeout: TimedOut,
    SDKError: RequestRejected,
    "insufficient_quota": QuotaExceeded,
    "context_length_exceeded": ContextLengthExceeded,
    "overloaded_error": Unavailable,
}


def of(exc, secrets=()):
    """Return what *exc* is translated to."""
    with pytest.raises(LLMError) as caught, translated(TABLE, secrets):
        raise exc
    return caught.value


@pytest.mark.parametrize(
    ("exc", "kind"),
    [
        (SDKError("x"), RequestRejected),
        (SDKTimeout("x"), TimedOut),
        (SDKError("x", status_code=400), RequestRejected),
        (SDKError("x", status_code=429), RateLimited),
        (SDKError("x", status_code=429, code="insufficient_quota"), QuotaExceeded),
        (SDKError("x", status_code=400, code="context_length_exceeded"), ContextLengthExceeded),
        (SDKError("x", status_code=200, kind="overloaded_error"), Unavailable),
        (SDKError("x", status_code=429, code="rate_limit", kind="insufficient_quota"), QuotaExceeded),
        (SDKError("x", status_code=429, code="unheard_of"), RateLimited),
        *((SDKError("x", status_code=status), kind) for status, kind in BY_STATUS.items()),
    ],
    ids=lambda value: str(vars(value)) if isinstance(value, SDKError) else "",
)
def test_a_code_says_more_than_a_status_and_that_more_than_a_class(exc, kind):
    assert type(of(exc)) is kind


def test_the_nearest_class_decides():
    class Nearer(SDKTimeout):
        pass

    assert type(of(Nearer("x"))) is TimedOut


def test_what_the_sdk_knows_is_kept():
    headers = {"retry-after": "7"}
    exc = SDKError("slow down", status_code=429, code="rate_limit", headers=headers, request_id="req_1")
    error = of(exc)

    assert (str(error), error.status, error.code) == ("slow down", 429, "rate_limit")
    assert (error.request_id, error.retry_after) == ("req_1", 7.0)
    assert error.__cause__ is exc


def test_an_error_without_words_is_called_by_its_class():
    assert str(of(SDKTimeout())) == "SDKTimeout"


def test_what_no_row_names_passes_as_it_is():
    with pytest.raises(KeyError), translated(TABLE, [KEY]):
        raise KeyError("mine")


def test_an_error_of_ours_passes_as_it_is():
    ours = RateLimited("slow down", retry_after=3)
    ours.__cause__ = OSError("below")

    assert of(ours) is ours
    assert of(InvalidTask("nothing")).args == ("nothing",)
    assert isinstance(ours.__cause__, OSError)


def test_an_error_alone_in_a_group_is_taken_out_of_it():
    ours = Unavailable("down")

    assert of(ExceptionGroup("tasks", [ExceptionGroup("more tasks", [ours])])) is ours
    assert type(of(ExceptionGroup("tasks", [SDKTimeout("late")]))) is TimedOut


def test_a_group_of_several_stays_one():
    with pytest.raises(ExceptionGroup), translated(TABLE):
        raise ExceptionGroup("tasks", [SDKTimeout("a"), SDKTimeout("b")])


def raised(build):
    try:
        build()
    except (SDKError, AuthenticationFailed, ExceptionGroup) as exc:
        return exc


def in_the_message():
    raise SDKError(f"Incorrect API key provided: {KEY}.", status_code=401)


def illegal_header():
    raise ValueError(f"Illegal header value b'Bearer {KEY}'")


def in_the_cause():
    try:
        illegal_header()
    except ValueError as exc:
        raise SDKTimeout("Connection error.") from exc


def in_the_context():
    try:
        illegal_header()
    except ValueError:
        raise SDKTimeout("Connection error.")  # noqa: B904


def in_a_group():
    raise ExceptionGroup("tasks", [raised(in_the_cause)])


def in_an_error_of_ours():
    raise AuthenticationFailed(f"{KEY} is wrong")


def beneath_an_error_of_ours():
    try:
        in_the_message()
    except SDKError as exc:
        raise AuthenticationFailed("wrong key") from exc


@pytest.mark.parametrize(
    "build",
    [in_the_message, in_the_cause, in_the_context, in_a_group, in_an_error_of_ours, beneath_an_error_of_ours],
)
@pytest.mark.parametrize("secret", [KEY, KEY + "\n"])
def test_a_secret_is_nowhere_in_the_printed_traceback(build, secret):
    error = of(raised(build), [secret])
    printed = "".join(traceback.format_exception(error))

    assert KEY not in str(error)
    assert KEY not in printed
    assert error.__cause__ is None


def test_a_secret_is_starred_and_the_rest_of_the_message_stays():
    assert str(of(raised(in_the_message), [KEY])) == "Incorrect API key provided: ***."


def test_a_secret_is_starred_in_all_that_an_error_knows_and_in_its_pickle():
    raised_here = SDKError("no", status_code=401, code=f"for {KEY}", request_id=KEY)
    error = of(raised_here, [KEY])

    assert (str(error), error.code, error.request_id, error.status) == ("no", "for ***", "***", 401)
    assert error.__cause__ is None
    assert KEY.encode() not in pickle.dumps(error)

    noted = AuthenticationFailed("no", request_id="req_1")
    noted.add_note(f"with {KEY}")
    error = of(noted, [KEY])
    assert (error.request_id, error.__notes__) == ("req_1", ["with ***"])


def test_a_header_is_a_secret_and_so_is_the_key_in_it():
    assert str(of(raised(in_the_message), [f"Bearer {KEY}"])) == "Incorrect API key provided: ***."


def test_a_secret_that_begins_another_leaves_nothing_of_it():
    assert str(of(raised(in_the_message), [KEY[:8], KEY])) == "Incorrect API key provided: ***."


@pytest.mark.parametrize("secrets", [[], [""], ["e"]])
def test_what_is_no_secret_leaves_the_message_alone(secrets):
    error = of(raised(in_the_message), secrets)

    assert str(error) == f"Incorrect API key provided: {KEY}."
    assert isinstance(error.__cause__, SDKError)


class Keyed(FakeProvider):
    errors = TABLE

    def __init__(self, *, api_key, reply):
        super().__init__(reply=reply)
        self._key = api_key

    def secrets(self):
        return (self._key,)


@pytest.mark.parametrize("method", ["arun", "agenerate"])
async def test_a_call_raises_our_kind_without_the_key(method):
    llm = LLM("m", provider=Keyed, api_key=KEY, reply=lambda request: in_the_message())
    with pytest.raises(AuthenticationFailed, match=r"provided: \*\*\*") as caught:
        await getattr(llm, method)("x")

    assert KEY not in "".join(traceback.format_exception(caught.value))


async def test_a_stream_raises_our_kind_without_the_key():
    llm = LLM(
        "m",
        provider=Keyed,
        api_key=KEY,
        reply=lambda request: in_the_cause(),
        retry=asyncllm.Retry(attempts=1),
    )
    with pytest.raises(TimedOut) as caught:
        async with llm.astream("x"):
            raise AssertionError

    assert KEY not in "".join(traceback.format_exception(caught.value))


async def test_a_batch_raises_our_kind_without_the_key():
    llm = LLM("m", provider=Keyed, api_key=KEY, reply=lambda request: in_the_message())
    with pytest.raises(AuthenticationFailed) as caught:
        await llm.abatch_run(["x", "y"])

    assert KEY not in "".join(traceback.format_exception(caught.value))


async def test_an_error_of_the_callers_own_in_a_stream_is_not_ours_to_translate():
    class Plain(Provider):
        errors = TABLE

        def rules(self, model, params):
            return {}

        async def complete(self, request):
            return asyncllm.Response(choices=(asyncllm.Choice(text="ok", finish_reason="stop"),))

    with pytest.raises(SDKError):
        async with LLM("m", provider=Plain).astream("x"):
            raise SDKError("the caller's")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "x", "retry-after": "9"}, 9.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "nan"}, 0.0),
        ({"retry-after": "inf"}, float("inf")),
    ],
)
def test_the_wait_that_headers_ask_for_is_read(headers, seconds):
    assert retry_after(headers) == seconds


def test_the_wait_until_a_date_is_read():
    date = email.utils.formatdate(time.time() + 60, usegmt=True)

    assert 55 < retry_after({"retry-after": date}) <= 60


numbers = st.integers().map(str)
dates = st.builds(
    "{}, {} {} {} {}:{}:{} GMT".format,
    st.just("Wed"),
    numbers,
    st.sampled_from(["Oct", "Foo"]),
    *[numbers] * 4,
)


@given(st.text() | dates, st.text())
def test_whatever_a_header_says_it_is_no_error(asked, milliseconds):
    seconds = retry_after({"retry-after": asked, "retry-after-ms": milliseconds})

    assert seconds is None or seconds >= 0


@pytest.mark.parametrize(
    ("details", "kind"),
    [
        ({"code": "overloaded_error"}, Unavailable),
        ({"code": "unheard_of"}, Unavailable),
        ({}, Unavailable),
        ({"status": 404}, ModelNotFound),
        ({"status": 422}, RequestRejected),
        ({"status": 500}, Unavailable),
        ({"status": 429, "code": "insufficient_quota"}, QuotaExceeded),
    ],
)
def test_a_failure_without_an_exception_is_told_by_its_code_and_status(details, kind):
    error = failure("x", table=TABLE, request_id="r", **details)

    assert type(error) is kind
    assert (str(error), error.request_id) == ("x", "r")
    assert (error.code, error.status) == (details.get("code"), details.get("status"))


def every_kind(kind=LLMError):
    return [kind, *(below for child in kind.__subclasses__() for below in every_kind(child))]


OURS = [kind for kind in every_kind() if kind.__module__ == "asyncllm.errors"]


@pytest.mark.parametrize("kind", OURS)
def test_an_error_pickles_and_copies_with_all_that_it_knows(kind):
    error = kind("what happened")
    if isinstance(error, ProviderError):
        error = kind("what happened", status=429, code="c", request_id="r", retry_after=1.5)
    if isinstance(error, IncompleteResponse):
        error.text = "so far"
    error.add_note("a note")

    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is kind
        assert twin.args == error.args
        assert vars(twin) == vars(error)


@pytest.mark.parametrize("kind", OURS)
def test_the_tree_is_drawn_as_it_stands(kind):
    import inspect

    import asyncllm.errors

    drawn = inspect.getdoc(asyncllm.errors)
    line = next(line for line in drawn.splitlines() if kind.__name__ in line.split())
    depth = {"*": 0, "x": 1, "+": 2, "-": 3}[line.split()[0]]

    assert len([base for base in kind.__mro__ if issubclass(base, LLMError)]) - 1 == depth
    assert (", retried" in line or line.endswith("retried")) == vars(kind).get("retryable", False)


def test_only_what_may_pass_is_retryable():
    retryable = {kind.__name__ for kind in OURS if getattr(kind, "retryable", False)}

    assert retryable == {"RateLimited", "Unavailable", "TimedOut", "InvalidResponse", "IncompleteResponse"}
