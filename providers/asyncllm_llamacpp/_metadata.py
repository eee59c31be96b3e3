"""
What a GGUF header says of its model.

llama.cpp complains about most that cannot be, and ends the process over some:
that is what is looked for here.
"""

from __future__ import annotations

from ._reader import Reader

_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""How many bytes each plain type of metadata takes."""
_UINT32, _FLOAT32, _STRING, _ARRAY = 4, 6, 8, 9

_ALIGNMENT = "general.alignment"
_TOKENS = "tokenizer.ggml.tokens"

_NUMBERS = {
    "block_count":             (1, 512),
    "expert_count":            (0, 1024),
    "expert_used_count":       (0, 1024),
    "expert_group_count":      (0, 1024),
    "expert_group_used_count": (0, 1024),
    "nextn_predict_layers":    (0, 512),
}  # fmt: skip
"""What a number may be, by its name after that of the architecture."""
_NOT_ABOVE = {
    "expert_used_count":       "expert_count",
    "expert_group_count":      "expert_count",
    "expert_group_used_count": "expert_group_count",
    "nextn_predict_layers":    "block_count",
}  # fmt: skip
_EPSILON = "epsilon"
_TEXTS = {"rope.scaling.type": ("none", "linear", "yarn", "longrope")}
"""What a text may be."""

# No real header comes near; a hostile one must not keep us busy.
_MOST_STRINGS = 2**23


class Metadata:
    """The entries between the header's beginning and its tensors."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._strings = 0
        self._alignment = 32
        self._numbers: dict[str, int] = {}

    def alignment(self, entries: int) -> int:
        """
        Read *entries*; return to what multiple the weights are aligned.

        Raises:
            InvalidModelFile: One says what cannot be.
        """
        self._reader.part = "metadata"
        for _ in range(entries):
            name, kind = self._reader.name(), self._reader.number("I")
            self._take(name, kind)
        if self._alignment < 1 or self._alignment & (self._alignment - 1):
            raise self._reader.damaged(f"its alignment, {self._alignment}, is no power of two")

        for name, most in _NOT_ABOVE.items():
            if (value := self._numbers.get(name, 0)) > self._numbers.get(most, 0):
                raise self._reader.damaged(f"its {name}, {value}, is above its {most}")

        return self._alignment

    def _take(self, name: str, kind: int) -> None:
        key = name.partition(".")[2]
        if kind == _UINT32 and name == _ALIGNMENT:
            self._alignment = self._reader.number("I")
        elif kind == _UINT32 and key in _NUMBERS:
            self._numbers[key] = value = self._reader.number("I")
            low, high = _NUMBERS[key]
            self._expect(name, value, holds=low <= value <= high)
        elif kind == _FLOAT32 and name.endswith(_EPSILON):
            real = self._reader.real()
            self._expect(name, real, holds=0 <= real <= 1)
        elif kind == _STRING and key in _TEXTS:
            text = self._reader.name()
            self._expect(name, repr(text), holds=text in _TEXTS[key])
        else:
            self._pass(name, kind)

    def _expect(self, name: str, value: object, *, holds: bool) -> None:
        if not holds:
            raise self._reader.damaged(f"its {name} is {value}")

    def _pass(self, name: str, kind: int) -> None:
        count = 1
        if kind == _ARRAY:
            kind, count = self._reader.number("I"), self._reader.number("Q")
        if kind == _STRING:
            self._pass_strings(name, count)
        elif kind in _SIZES:
            self._reader.skip(count * _SIZES[kind])
        else:
            raise self._reader.damaged(f"its metadata has a value of an unknown type, {kind}")

    def _pass_strings(self, name: str, count: int) -> None:
        self._strings += count
        if self._strings > _MOST_STRINGS:
            raise self._reader.damaged(f"its metadata announces {self._strings} texts")

        if name == _TOKENS:
            self._check_tokens(count)
        else:
            for _ in range(count):
                self._reader.skip(self._reader.number("Q"))

    def _check_tokens(self, count: int) -> None:
        """Each token must be another one, as llama.cpp reads them: up to a zero byte, and none is empty."""
        seen: dict[bytes, int] = {}
        for at in range(count):
            token = self._reader.text().partition(b"\0")[0] or b"[EMPTY_%d]" % at
            if (first := seen.setdefault(token, at)) != at:
                raise self._reader.damaged(f"its tokens {first} and {at} are the same, {token!r}")
