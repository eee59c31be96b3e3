"""Ask any language model, asynchronously first."""

from ._llm import LLM
from ._registry import available
from ._retry import Retry
from ._stream import Stream
from ._sync import BlockingStream
from ._types import (
    Adjustment,
    Choice,
    FinishReason,
    Message,
    Part,
    Prompt,
    Response,
    Role,
    Text,
    Timing,
    Usage,
    Verdict,
)
from ._vocabulary import Effort, Params
from .errors import (
    AuthenticationFailed,
    ConfigurationError,
    ContextLengthExceeded,
    IncompleteResponse,
    InvalidModelFile,
    InvalidParameter,
    InvalidResponse,
    InvalidTask,
    LLMError,
    MissingAPIKey,
    ModelNotFound,
    ProviderError,
    ProviderNotInstalled,
    QuotaExceeded,
    RateLimited,
    RequestRejected,
    TimedOut,
    Unavailable,
    UnknownModel,
    UnknownParameter,
    UnknownProvider,
    UnsupportedParameter,
)

BaseLLM = LLM
"""The same class, under the name that the interface was specified with."""

__all__ = [
    "LLM",
    "Adjustment",
    "AuthenticationFailed",
    "BaseLLM",
    "BlockingStream",
    "Choice",
    "ConfigurationError",
    "ContextLengthExceeded",
    "Effort",
    "FinishReason",
    "IncompleteResponse",
    "InvalidModelFile",
    "InvalidParameter",
    "InvalidResponse",
    "InvalidTask",
    "LLMError",
    "Message",
    "MissingAPIKey",
    "ModelNotFound",
    "Params",
    "Part",
    "Prompt",
    "ProviderError",
    "ProviderNotInstalled",
    "QuotaExceeded",
    "RateLimited",
    "RequestRejected",
    "Response",
    "Retry",
    "Role",
    "Stream",
    "Text",
    "TimedOut",
    "Timing",
    "Unavailable",
    "UnknownModel",
    "UnknownParameter",
    "UnknownProvider",
    "UnsupportedParameter",
    "Usage",
    "Verdict",
    "available",
]
