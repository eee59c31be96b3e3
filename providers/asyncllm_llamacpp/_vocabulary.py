"""A model's tokens: from text and back."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from functools import cached_property

from asyncllm.errors import InvalidParameter

from ._letters import Letters
from ._native import llama, quick

_piece = quick("llama_token_to_piece")
_ends = quick("llama_vocab_is_eog")
_attributes = quick("llama_vocab_get_attr")
_text = quick("llama_vocab_get_text")

_UNKNOWN, _CONTROL = 1 << 0, 1 << 3


class Vocabulary:
    """The tokens of one model."""

    def __init__(self, model: int) -> None:
        self.handle: int = llama.llama_model_get_vocab(model)
        self._pieces: dict[int, bytes] = {}
        self.size: int = llama.llama_vocab_n_tokens(self.handle)
        self._bos: int = llama.llama_vocab_bos(self.handle)
        self.adds_bos: bool = llama.llama_vocab_get_add_bos(self.handle) and self._bos >= 0
        """Whether a prompt is to begin with the token :attr:`bos`."""
        self.bos = self._text(self._bos)
        self.eos = self._text(llama.llama_vocab_eos(self.handle))
        self.specials = tuple(self._text(token) for token in range(self.size) if self._is_special(token))
        """The texts that stand for tokens which no author writes: the marks between turns, and the like."""

    def tokens(self, pieces: list[str], *, special: bool, begin: int | None = None) -> list[int]:
        """
        Return the tokens of a prompt in *pieces*; no token reaches over the end of a piece.

        Args:
            pieces: The text.

            special: Whether the texts of special tokens stand for these tokens.

            begin: The first token, in place of the model's own.
        """
        begins = "".join(pieces).startswith(self.bos) if self.bos and special else False
        tokens = [self._bos] if self.adds_bos and not begins else []
        for piece in pieces:
            tokens += self._tokens(piece.encode("utf-8", "replace"), special)
        if begin is None or tokens[:1] == [begin]:
            return tokens

        own = self.adds_bos and tokens[:1] == [self._bos]
        return [begin, *tokens[1:]] if own else [begin, *tokens]

    def check(self, name: str, tokens: Iterable[int]) -> None:
        """Raise InvalidParameter where one of *tokens*, given as *name*, is none of the model's."""
        for token in tokens:
            if not 0 <= token < self.size:
                raise InvalidParameter(f"{name}: the model's tokens are 0 to {self.size - 1}; got {token}")

    def piece(self, token: int) -> bytes:
        """Return the bytes that *token* adds to a text: none for a special one, part of a letter for some."""
        if token not in self._pieces:
            self._pieces[token] = self._bytes(token)
        return self._pieces[token]

    def name(self, token: int) -> str:
        """Return the text that stands for *token*, also for one that adds nothing to a text."""
        return self.piece(token).decode(errors="replace") or self._text(token)

    def ends(self, token: int) -> bool:
        """Return whether *token* says that the answer is complete."""
        ends: bool = _ends(self.handle, token)
        return ends

    @cached_property
    def enders(self) -> frozenset[int]:
        """All tokens that say so."""
        return frozenset(token for token in range(self.size) if self.ends(token))

    @cached_property
    def letters(self) -> Letters:
        """What the tokens begin and end with."""
        return Letters.of(self.handle, self.size)

    def parts(self, text: str) -> list[int]:
        """Return the tokens of *text* within a prompt, where the texts of special tokens stand for these."""
        return self._tokens(text.encode("utf-8", "replace"), special=True)

    def text(self, tokens: Iterable[int]) -> str:
        """Return what *tokens* come to, special ones included."""
        return b"".join(self.piece(token) or self._text(token).encode() for token in tokens).decode(
            errors="replace"
        )

    def _tokens(self, text: bytes, special: bool) -> list[int]:
        room = len(text) + 2
        while True:
            found = (llama.llama_token * room)()
            count: int = llama.llama_tokenize(self.handle, text, len(text), found, room, False, special)
            if count >= 0:
                return list(found[:count])
            room = -count

    def _bytes(self, token: int) -> bytes:
        room = 64
        while True:
            found = ctypes.create_string_buffer(room)
            count: int = _piece(self.handle, token, found, room, 0, False)
            if count >= 0:
                return found.raw[:count]
            room = -count

    def _text(self, token: int) -> str:
        text: bytes = _text(self.handle, token) if token >= 0 else b""
        return text.decode(errors="replace")

    def _is_special(self, token: int) -> bool:
        return bool(_attributes(self.handle, token) & (_UNKNOWN | _CONTROL))
