"""The words that callers and providers share: messages in, responses out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, cast

from .errors import InvalidTask

Role: TypeAlias = Literal["system", "developer", "user", "assistant"]

FinishReason: TypeAlias = Literal[
    "stop",            # the model ended its answer
    "stop_sequence",   # one of the caller's stop tokens came up
    "length",          # max_tokens were reached
    "context_length",  # the model's context is full
    "tool_calls",      # the model asks for a tool
    "content_filter",  # the provider cut or withheld the answer
    "refusal",         # the model declined
    "pause",           # the provider will go on when asked to
    "error",           # the provider gave up midway
    "cancelled",       # the caller left before the end
    "unknown",         # the provider did not say, or said something new
]  # fmt: skip
"""Why an answer ended, in one vocabulary for all providers."""

Verdict: TypeAlias = Literal[
    "native", "renamed", "translated", "clamped", "emulated", "dropped", "inapplicable"
]  # fmt: skip
"""What became of a parameter on its way to the provider; MEANINGS says what each is."""

MEANINGS: Mapping[Verdict, str] = {
    "native":       "done just as asked: sent as it is, or nobody's business but asyncllm's",
    "renamed":      "sent under another name, or in another form",
    "translated":   "done as asked; something else had to be said besides, or otherwise",
    "clamped":      "sent, but moved to the nearest value that the provider accepts",
    "emulated":     "asyncllm does the work itself, all of it or what the provider leaves of it",
    "dropped":      "not sent, and nothing stands in for it",
    "inapplicable": "not sent: there is nothing for it to do",
}  # fmt: skip

DONE: frozenset[Verdict] = frozenset({"native", "renamed"})
"""Verdicts of which there is nothing to report."""
LOST: frozenset[Verdict] = frozenset({"clamped", "emulated", "dropped"})
"""Verdicts with which the provider does not do just what was asked: what ``strict`` refuses."""


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of text within a message."""

    text: str

    def __post_init__(self) -> None:
        if not isinstance(cast("Any", self.text), str):
            raise InvalidTask(f"Text takes a text; got {self.text!r}")


Part: TypeAlias = Text
"""What a message can be made of. Images and tool calls will be further kinds."""


@dataclass(frozen=True, slots=True)
class Message:
    """
    One turn of a conversation.

    Read ``message.text`` rather than ``message.content`` where only the words
    matter: it stays a string whatever the content is made of.
    """

    role: Role
    content: str | Sequence[Part]
    """The words, or a sequence of parts."""

    def __post_init__(self) -> None:
        if isinstance(self.content, str):
            return

        given: Any = self.content
        try:
            parts: tuple[Any, ...] = tuple(given)
        except TypeError:
            parts = (given,)
        if not all(isinstance(part, Part) for part in parts):
            raise InvalidTask(f"a message's content is a text or a sequence of parts; got {given!r}")
        object.__setattr__(self, "content", parts)

    @property
    def text(self) -> str:
        """The words of the message, without its other parts."""
        if isinstance(self.content, str):
            return self.content

        return "".join(part.text for part in self.content)


Prompt: TypeAlias = str | Message | Sequence[Message | Mapping[str, str]]
"""What a caller may ask: a text, a message, or a conversation.

Mappings with ``role`` and ``content`` will do for messages.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """What became of a parameter on its way to the provider."""

    parameter: str
    verdict: Verdict
    asked: Any
    """The caller's value; None where the provider needed one and the caller gave none."""
    sent: Any = None
    """The value that was sent; None where none was."""
    reason: str = ""

    def __str__(self) -> str:
        change = f"{self.asked!r} -> {self.sent!r}" if self.sent is not None else f"{self.asked!r}"
        values = "" if self.asked is None is self.sent else f" ({change})"
        return f"{self.verdict} {self.parameter}{values}" + (f": {self.reason}" if self.reason else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many tokens something is."""

    tokens: int
    exact: bool
    """Whether the model's own tokenizer counted them; otherwise they are an estimate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """
    The tokens that a call took, counted alike for every provider.

    Each of the detail counts is part of the total above it, also for providers
    that bill it apart.
    """

    input_tokens: int
    """All tokens of the prompt, cached ones included."""
    output_tokens: int
    """All tokens of the answer, reasoning included."""
    cached_tokens: int = 0
    """Those input tokens that came from the provider's cache."""
    cache_write_tokens: int = 0
    """Those input tokens that were written to the provider's cache."""
    reasoning_tokens: int = 0
    """Those output tokens that the model spent on thinking."""

    @property
    def total_tokens(self) -> int:
        """The tokens of prompt and answer together."""
        return self.input_tokens + self.output_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            cache_write_tokens=self.cache_write_tokens + other.cache_write_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
        )


PATIENCE = 0.1
"""A reader who takes no more than this share of an answer's time changes its rate by no more."""
A_MOMENT = 0.01
"""Seconds that anybody takes: an answer for which that is long came at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How long a call took, in seconds of a monotonic clock, retries included."""

    total: float
    """From the call to the whole answer, whoever was waited for."""
    first_token: float | None = None
    """Until the first piece of text came; None where the answer came in one piece."""
    held: float = 0.0
    """
    Seconds of these in which the caller had a piece of the stream and had not asked
    for the next one; what the provider did meanwhile is not known.
    """
    queued: float | None = None
    """
    Seconds of these that the call waited for its turn, where the provider tells: a
    model in this process does.
    """

    @property
    def waited(self) -> float:
        """The seconds in which the caller waited for the answer."""
        return max(self.total - self.held, 0.0)

    def tells_rate(self, since: float = 0.0) -> bool:
        """
        Return whether the provider set the pace from *since* on, and not who read the stream.

        A provider may go on while its reader is away, or wait: its own time lies
        anywhere between what was waited and the whole.
        """
        return self.held <= max(A_MOMENT, PATIENCE * (self.total - since))


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenLogprob:
    """A token, and how likely it was."""

    token: str
    logprob: float
    """The natural logarithm of its probability."""
    likeliest: tuple[tuple[str, float], ...] = ()
    """The likeliest tokens in its place and their log probabilities, as many as were asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of the texts that a call returned."""

    text: str
    finish_reason: FinishReason = "unknown"
    matched_stop: str | None = None
    """The stop token that ended the text, where that is known; it is not part of the text."""
    logprobs: tuple[TokenLogprob, ...] = ()
    """The text's tokens and how likely they were, where ``logprobs`` was asked for."""
    reasoning: str = field(default="", repr=False)
    """What the model thought before it answered, where the provider shows it; no part of the text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What a model answered."""

    choices: tuple[Choice, ...]
    usage: Usage | None = None
    """The tokens it took; None where the provider did not say, or the answer was cut short."""
    timing: Timing | None = None
    adjustments: tuple[Adjustment, ...] = ()
    """Every parameter that reached the provider otherwise than it was asked for."""
    attempts: int = 1
    """How often the provider was asked, retries included."""
    provider: str = ""
    model: str = ""
    """The model that answered, in the provider's words: often more exact than the one asked."""
    request_id: str | None = None
    """The provider's name for the call: what its support asks for."""
    raw: Any = field(default=None, repr=False, compare=False)
    """The provider's whole answer, decoded but not interpreted; None for a streamed one."""

    def __post_init__(self) -> None:
        if not self.choices:
            raise ValueError("a response has at least one choice")

    @property
    def text(self) -> str:
        """The answer; the first of them where there are several."""
        return self.choices[0].text

    @property
    def texts(self) -> tuple[str, ...]:
        """All answers."""
        return tuple(choice.text for choice in self.choices)

    @property
    def reasoning(self) -> str:
        """What the model thought before the first answer, where the provider shows it."""
        return self.choices[0].reasoning

    @property
    def finish_reason(self) -> FinishReason:
        """Why the first answer ended."""
        return self.choices[0].finish_reason

    @property
    def matched_stop(self) -> str | None:
        """The stop token that ended the first answer, where that is known."""
        return self.choices[0].matched_stop

    @property
    def tokens_per_second(self) -> float | None:
        """
        The rate at which the answer came: its text from the first piece on, where that is
        known; otherwise all its tokens, thoughts and waiting included. None where who
        read the stream was slower than what came.
        """
        if self.usage is None or self.timing is None or not self.usage.output_tokens:
            return None

        tokens, since = self.usage.output_tokens, 0.0
        # What was thought came before the first piece of text.
        written = tokens - self.usage.reasoning_tokens
        if self.timing.first_token is not None and written > 1:
            tokens, since = written - 1, self.timing.first_token
        seconds = self.timing.waited - since
        return tokens / seconds if seconds > 0 and self.timing.tells_rate(since) else None
