"""Ask any language model, asynchronously first."""

from ._checkpoints import Restored
from ._limits import Limits
from ._llm import LLM
from ._metrics import Metrics
from ._plan import Plan
from ._policy import Policy
from ._prices import Cost
from ._rates import Rate
from ._registry import available
from ._retry import Retry
from ._spread import Spread
from ._stream import Stream
from ._sync import BlockingStream
from ._tallies import Answers, Tally
from ._types import (
    Adjustment,
    Choice,
    Count,
    FinishReason,
    Message,
    Part,
    Prompt,
    Response,
    Role,
    Text,
    Timing,
    TokenLogprob,
    Usage,
    Verdict,
)
from ._vocabulary import Effort, Params
from .batch import BatchResult, BlockingResults, JournalFile, Progress, Results, Resume, Task
from .errors import (
    AuthenticationFailed,
    BatchStopped,
    CheckpointError,
    ConfigurationError,
    ContextLengthExceeded,
    IncompleteResponse,
    InvalidModelFile,
    InvalidParameter,
    InvalidResponse,
    InvalidTask,
    JournalError,
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
    UnexpectedResponse,
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
    "Answers",
    "AuthenticationFailed",
    "BaseLLM",
    "BatchResult",
    "BatchStopped",
    "BlockingResults",
    "BlockingStream",
    "CheckpointError",
    "Choice",
    "ConfigurationError",
    "ContextLengthExceeded",
    "Cost",
    "Count",
    "Effort",
    "FinishReason",
    "IncompleteResponse",
    "InvalidModelFile",
    "InvalidParameter",
    "InvalidResponse",
    "InvalidTask",
    "JournalError",
    "JournalFile",
    "LLMError",
    "Limits",
    "Message",
    "Metrics",
    "MissingAPIKey",
    "ModelNotFound",
    "Params",
    "Part",
    "Plan",
    "Policy",
    "Progress",
    "Prompt",
    "ProviderError",
    "ProviderNotInstalled",
    "QuotaExceeded",
    "Rate",
    "RateLimited",
    "RequestRejected",
    "Response",
    "Restored",
    "Results",
    "Resume",
    "Retry",
    "Role",
    "Spread",
    "Stream",
    "Tally",
    "Task",
    "Text",
    "TimedOut",
    "Timing",
    "TokenLogprob",
    "Unavailable",
    "UnexpectedResponse",
    "UnknownModel",
    "UnknownParameter",
    "UnknownProvider",
    "UnsupportedParameter",
    "Usage",
    "Verdict",
    "available",
]
