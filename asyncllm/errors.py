"""
What can go wrong, from the caller's side.

* LLMError
  x ConfigurationError          nothing was sent: the call cannot work as it is set up
    + UnknownProvider           no installed plugin has this name
    + UnknownModel              no plugin claims this model, or several do
    + ProviderNotInstalled      the plugin, or the library that it stands on, does not import
    + MissingAPIKey
    + InvalidModelFile          the file is missing, truncated, or not what it should be
    + UnknownParameter          also a TypeError: a misspelt keyword
    + InvalidParameter          also a ValueError: a wrong type, or outside the range
    + InvalidTask               also a ValueError: nothing to ask
    + UnsupportedParameter      strict=True, and the provider would not do just what was asked
  x CheckpointError             a checkpoint was not saved, or not loaded; everything is as it was
  x JournalError                a batch's journal cannot be opened or written, or is another batch's
  x BatchStopped                before all was done; ``results`` holds what had come
  x ProviderError               the provider was asked and failed
    + AuthenticationFailed
    + QuotaExceeded             no credit left; waiting does not help
    + RequestRejected
      - ContextLengthExceeded
      - ModelNotFound
    + RateLimited               retried
    + Unavailable               retried
      - TimedOut
    + InvalidResponse           retried
      - IncompleteResponse      the answer ended too early; ``text`` holds what had come
      - UnexpectedResponse      whole, but of another shape; asking again would give the same
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager, suppress
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar, TypeAlias, cast

from ._keys import Keys


class LLMError(Exception):
    """Base class of every error that asyncllm raises."""


class ConfigurationError(LLMError):
    """The call cannot work as it is set up; nothing was sent."""


class UnknownProvider(ConfigurationError):
    """No installed plugin has the name before the colon."""


class UnknownModel(ConfigurationError):
    """No installed plugin claims the model's name, or several do."""


class ProviderNotInstalled(ConfigurationError):
    """The plugin is known, but it or the library that it stands on does not import."""


class MissingAPIKey(ConfigurationError):
    """The provider needs a key, and neither a setting nor the environment holds one."""


class InvalidModelFile(ConfigurationError):
    """The model's file is missing, truncated, or not what it should be."""


class UnknownParameter(ConfigurationError, TypeError):
    """A keyword that is neither a parameter nor a setting of the provider."""


class InvalidParameter(ConfigurationError, ValueError):
    """A parameter of the wrong type, or outside its range."""


class InvalidTask(ConfigurationError, ValueError):
    """There is nothing to ask, or it is not a text or a sequence of messages."""


class UnsupportedParameter(ConfigurationError):
    """A strict call asked for something that the provider would not do just as asked."""


class CheckpointError(LLMError):
    """A checkpoint was not saved, or not loaded; the LLM is as it was, and so are earlier checkpoints."""


class JournalError(LLMError):
    """A batch's journal cannot be opened or written, or is another batch's; what was recorded is safe."""


class BatchStopped(LLMError):
    """A batch that was to bring every result has stopped before."""

    results: Sequence[Any] = ()
    """What had come until then."""


class ProviderError(LLMError):
    """The provider was asked and failed; the SDK's own error is the ``__cause__``."""

    retryable: ClassVar[bool] = False
    """Whether asking again, unchanged, may help."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        """The HTTP status, where there was one."""
        self.code = code
        """The provider's own word for the error, as in ``"insufficient_quota"``."""
        self.request_id = request_id
        """What the provider's support asks for."""
        self.retry_after = retry_after
        """Seconds that the provider asked to wait."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (type(self), self.args, self.__dict__)


class AuthenticationFailed(ProviderError):
    """The key is wrong, or not allowed to do this."""


class QuotaExceeded(ProviderError):
    """The account has no credit left, or a spending limit is reached."""


class RequestRejected(ProviderError):
    """The provider understood the request and will never accept it."""


class ContextLengthExceeded(RequestRejected):
    """Prompt and answer do not fit into the model's context, or into what the account may use in a minute."""


class ModelNotFound(RequestRejected):
    """The provider has no such model, or not for this key."""


class RateLimited(ProviderError):
    """Too many requests; ``retry_after`` holds the wait that the provider asked for."""

    retryable = True


class Unavailable(ProviderError):
    """The provider could not be reached, or failed on its side."""

    retryable = True


class TimedOut(Unavailable):
    """The provider did not answer in time."""


class InvalidResponse(ProviderError):
    """What came back is not an answer in the provider's own format."""

    retryable = True


class IncompleteResponse(InvalidResponse):
    """The answer ended without its closing event: what came is not the whole answer."""

    text: str = ""
    """What had come until then."""


class UnexpectedResponse(InvalidResponse):
    """The answer came whole, in another shape; asking again would be paid for, and give the same."""

    retryable = False


ErrorTable: TypeAlias = Mapping[type[Exception] | str, type[ProviderError]]
"""
Which error of ours each error of a provider is, one row an error.

A row's key is an exception class, or the provider's own code for the error as
it stands in the body of an answer. A code says more than an HTTP status
(:data:`BY_STATUS`), and that more than a class, so it wins.
"""

BY_STATUS: Mapping[int, type[ProviderError]] = {
    401: AuthenticationFailed,
    402: QuotaExceeded,
    403: AuthenticationFailed,
    404: ModelNotFound,
    408: TimedOut,
    429: RateLimited,
    501: RequestRejected,
    504: TimedOut,
}
"""What an HTTP status means where a provider's table says nothing of it."""


@contextmanager
def translated(table: ErrorTable, secrets: Iterable[str] = ()) -> Generator[None]:
    """
    Raise an error of ours in place of one that *table* names.

    One that comes alone in a group, as out of a task group, is taken out of it.
    The original stays as the ``__cause__``, unless it, or what led to it, tells one
    of *secrets*: then it goes, and the secret is starred out of the error, out of
    its message and of all else that is known of it.
    """
    try:
        yield
    except Exception as exc:
        cause = _alone(exc)
        error = cause if isinstance(cause, LLMError) else _translation(cause, table)
        if error is None:
            raise

        keys = Keys(secrets)
        if any(_tells(each, keys) for each in (error, *_led_to(exc))):
            error.args = (keys.star(str(error)),)
            error.__dict__.update(keys.star(vars(error)))
            raise error from None
        if error is exc:
            raise
        raise error from (error.__cause__ if error is cause else cause)


def failure(
    message: str,
    *,
    table: ErrorTable,
    code: str | None = None,
    status: int | None = None,
    unknown: type[ProviderError] = Unavailable,
    **details: Any,
) -> ProviderError:
    """
    Return the error that *code* and *status* stand for: the code's row in *table*, else the status's.

    Where neither tells, it is *unknown*.
    """
    kind = _kind(table.get(code or ""), status)
    if kind is None and status is not None and status >= 400:
        kind = RequestRejected if status < 500 else Unavailable
    return (kind or unknown)(message, code=code, status=status, **details)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """
    Return the seconds that *headers* ask to wait, or None.

    Reads ``retry-after-ms``, and ``retry-after`` in seconds or as a date
    (RFC 9110, section 10.2.3).
    """
    try:
        return max(0.0, float(headers["retry-after-ms"]) / 1000)
    except (KeyError, ValueError):
        asked = headers.get("retry-after", "")
    with suppress(ValueError):
        return max(0.0, float(asked))
    with suppress(ValueError, OverflowError):
        return max(0.0, parsedate_to_datetime(asked).timestamp() - time.time())
    return None


def _alone(exc: Exception) -> Exception:
    while len(within := _within(exc)) == 1:
        exc = within[0]
    return exc


def _led_to(exc: BaseException) -> list[BaseException]:
    """Return *exc* and all that a printed traceback of it shows."""
    shown = [exc]
    for each in shown:
        inner = (each.__cause__, each.__context__, *_within(each))
        shown += [one for one in inner if one is not None and one not in shown]
    return shown


def _within(exc: BaseException) -> tuple[Exception, ...]:
    """Return what a group holds."""
    return cast("ExceptionGroup[Exception]", exc).exceptions if isinstance(exc, BaseExceptionGroup) else ()


def _translation(exc: Exception, table: ErrorTable) -> ProviderError | None:
    names = (getattr(exc, name, None) for name in ("code", "error_code", "type"))
    codes = [name for name in names if isinstance(name, str)]
    known = next((code for code in codes if code in table), None)
    by_class = next((table[base] for base in type(exc).__mro__ if base in table), None)
    if by_class is None:
        return None

    status: int | None = getattr(exc, "status_code", None)
    kind = _kind(table[known] if known else None, status) or by_class
    headers: Mapping[str, str] = getattr(getattr(exc, "response", None), "headers", {})
    return kind(
        _words(exc),
        status=status,
        code=known or next(iter(codes), None),
        request_id=getattr(exc, "request_id", None),
        retry_after=retry_after(headers),
    )


def _kind(by_code: type[ProviderError] | None, status: int | None) -> type[ProviderError] | None:
    """Return what code and status stand for; a code that says only "rejected" says less than a status."""
    by_status = BY_STATUS.get(status or 0)
    if by_code is RequestRejected:
        return by_status or (Unavailable if (status or 0) >= 500 else by_code)
    return by_code or by_status


def _words(exc: Exception) -> str:
    """
    What the server said; failing that, what the SDK says, and what its cause adds.

    An SDK's own words can be as few as "Connection error.".
    """
    body: Any = getattr(exc, "body", None)
    for inner in ("error", "message"):
        if isinstance(body, Mapping):
            body = cast("Mapping[str, Any]", body).get(inner, body)
    if isinstance(body, str) and body:
        return body

    said, cause = str(exc) or type(exc).__name__, str(exc.__cause__ or "")
    return f"{said} ({cause})" if cause and cause not in said else said


def _tells(exc: BaseException, keys: Keys) -> bool:
    """Say whether one of *keys* is in the words of *exc*, in its notes, or in what else it knows."""
    told: list[Any] = [str(exc), *(each for each in vars(exc).values() if type(each) in {str, list})]
    return bool(keys.star(told) != told)


def _rebuilt(kind: type[ProviderError], args: tuple[Any, ...], state: Mapping[str, Any]) -> ProviderError:
    error = kind(*args)
    error.__dict__.update(state)
    return error
