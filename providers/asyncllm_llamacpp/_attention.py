"""How a model attends to what it has read: which numbers it is kept in, and by what method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from asyncllm.errors import ConfigurationError, InvalidParameter

from ._native import block, llama

FLASH = {
    "auto": llama.LLAMA_FLASH_ATTN_TYPE_AUTO,
    "on":   llama.LLAMA_FLASH_ATTN_TYPE_ENABLED,
    "off":  llama.LLAMA_FLASH_ATTN_TYPE_DISABLED,
}  # fmt: skip

_BF16 = 30  # As in ggml.h; the binding does not name it.
KV_TYPES = {
    "f32":    llama.GGML_TYPE_F32,
    "f16":    llama.GGML_TYPE_F16,
    "bf16":   _BF16,
    "q8_0":   llama.GGML_TYPE_Q8_0,
    "q5_1":   llama.GGML_TYPE_Q5_1,
    "q5_0":   llama.GGML_TYPE_Q5_0,
    "q4_1":   llama.GGML_TYPE_Q4_1,
    "q4_0":   llama.GGML_TYPE_Q4_0,
    "iq4_nl": llama.GGML_TYPE_IQ4_NL,
}  # fmt: skip
"""The numbers that llama.cpp keeps keys and values in: it ends the process over some others."""


@dataclass(frozen=True, slots=True)
class Heads:
    """What a layer keeps of each token."""

    count: int
    key: int
    """How many numbers the key of each head has."""
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """How a model attends to what it has read."""

    flash: str = "auto"
    """Whether by flash attention: one of :data:`FLASH`."""
    keys: str = "f16"
    values: str = "f16"
    """What keys and values are kept in: one of :data:`KV_TYPES`."""

    def __post_init__(self) -> None:
        if self.flash not in [*FLASH]:
            raise InvalidParameter(f"flash_attention takes {', '.join(FLASH)}; got {self.flash!r}")
        if unknown := [each for each in (self.keys, self.values) if each not in [*KV_TYPES]]:
            raise InvalidParameter(f"kv_type takes {', '.join(KV_TYPES)}; got {unknown[0]!r}")
        if self.flash == "off" and _in_blocks(self.values):
            raise InvalidParameter(
                f"values in {self.values} need flash attention: leave flash_attention to 'auto', "
                f"or keep the values in f16, as in kv_type=({self.keys!r}, 'f16')"
            )

    @classmethod
    def of(cls, flash_attention: str, kv_type: str | Sequence[str]) -> Attention:
        """Return what the settings say: *kv_type* names one type, or those of keys and of values."""
        pair: tuple[str, ...] = ()
        if isinstance(kv_type, str):
            pair = (kv_type, kv_type)
        elif isinstance(cast("object", kv_type), list | tuple):
            pair = tuple(kv_type)
        if len(pair) != 2:
            raise InvalidParameter(
                f"kv_type takes a name as 'q8_0', or two, of the keys and of the values; got {kv_type!r}"
            )
        return cls(flash=flash_attention, keys=pair[0], values=pair[1])

    def expect(self, heads: Heads) -> None:
        """
        Raise where a head does not go into blocks of these types: llama.cpp may end the process over it.

        Raises:
            ConfigurationError: The message says what goes.
        """
        for what, kind, width in (("keys", self.keys, heads.key), ("values", self.values, heads.value)):
            size = _block(kind)[0]
            if heads.count and width % size:
                raise ConfigurationError(
                    f"this model's {what} have {width} numbers a head, and {kind} packs {size} at a time; "
                    f"keep them in f16 (kv_type=…)"
                )

    def size(self, heads: Heads) -> int:
        """Return how many bytes a layer takes for a token."""
        return heads.count * (_bytes(self.keys, heads.key) + _bytes(self.values, heads.value))

    def fill(self, params: Any) -> None:
        """Write it into llama.cpp's *params*."""
        params.flash_attn_type = FLASH[self.flash]
        params.type_k, params.type_v = KV_TYPES[self.keys], KV_TYPES[self.values]


def _block(kind: str) -> tuple[int, int]:
    found = block(KV_TYPES[kind])
    assert found is not None
    return found


def _in_blocks(kind: str) -> bool:
    return _block(kind)[0] > 1


def _bytes(kind: str, count: int) -> int:
    numbers, size = _block(kind)
    return -(-count // numbers) * size
