"""Keep keys out of what is said, shown and written down."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

STARS = "***"

SHORTEST_KEY = 3
"""Characters: what is known for a key is starred from here on. One or two letters stand in every text."""
SHORTEST = 6
"""Characters: what only may be a key is starred from here on. Shorter is ``true``, ``none``, or ``1``."""
LONGEST_WORD = 12
"""Letters: a longer run of them is no word."""

NAMED = ("key", "token", "secret", "password", "authorization")
"""How the names of keys end: in the environment, among settings, and of headers."""


class Keys:
    """
    Texts that nobody may see.

    What is made of several words, as ``"Bearer 0a1b2c"``, is one as a whole, and so is
    each of its words that may be a key: a server may repeat that alone.

    Args:
        texts: The keys.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        whole = {text.strip() for text in texts}
        words = {word for text in whole for word in text.split() if word != text and may_be_key(word)}
        self._take({*(text for text in whole if len(text) >= SHORTEST_KEY), *words})

    def star(self, value: Any) -> Any:
        """Return *value* with stars for the keys in its texts and names, all the way down."""
        if isinstance(value, str):
            for text in self._in_order:
                value = value.replace(text, STARS)
            return value
        if isinstance(value, list | tuple):
            several = [self.star(each) for each in cast("Sequence[Any]", value)]
            return tuple(several) if isinstance(value, tuple) else several
        if isinstance(cast("object", value), Mapping):
            fields: Mapping[Any, Any] = value
            return {self.star_name(name): self.star(each) for name, each in fields.items()}
        return value

    def star_name(self, name: Any) -> Any:
        """Return the *name* of a field with stars; a key that is a mere word stays: fields are called so."""
        if isinstance(name, str):
            for text in filter(may_be_key, self._in_order):
                name = name.replace(text, STARS)
        return name

    def __or__(self, other: Keys) -> Keys:
        if other._texts <= self._texts:
            return self

        both = Keys()
        both._take(self._texts | other._texts)
        return both

    def __repr__(self) -> str:
        return f"<{len(self._texts)} keys>"

    def _take(self, texts: Iterable[str]) -> None:
        self._texts = frozenset(texts)
        # The longest first: one may hold another, and what is left of it would still be told.
        self._in_order = sorted(self._texts, key=len, reverse=True)


def may_be_key(text: str) -> bool:
    """Say whether *text*, of which nothing is known, may be a key: it is long enough, and no word."""
    is_word = text.isalpha() and len(text) <= LONGEST_WORD and (text[1:].islower() or text.isupper())
    return len(text) >= SHORTEST and not is_word


def named(fields: Mapping[str, str]) -> Iterator[str]:
    """Yield the values in *fields*, as of the environment, that are keys by their names, and long enough."""
    for name, value in fields.items():
        if name.lower().endswith(NAMED) and len(value) >= SHORTEST:
            yield value


def in_headers(headers: Mapping[str, str]) -> Iterator[str]:
    """Yield the values of *headers* that are keys by their names, or may be."""
    yield from named(headers)
    yield from filter(may_be_key, headers.values())
