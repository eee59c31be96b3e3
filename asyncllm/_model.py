"""The model that answers, and how it is reached."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any, cast

import anyio

from ._loop import CLOSING, PerLoop
from ._nowhere import NOBODY, Nowhere, find_or_nowhere
from ._policy import checked_rules
from ._prepare import Prepared, prepare
from ._registry import Source, check_settings, find
from ._types import Count, Prompt
from ._vocabulary import Params
from .errors import InvalidParameter, UnknownModel
from .provider import Provider
from .rules import Assumed, Rules


class Model:
    """
    One model and its provider: what a call takes when it begins, and keeps until it ends.

    An LLM that is given another name gets another of these, so that the calls
    under way are none the wiser.

    Args:
        source: Where answers come from.

        settings: What the provider's own class takes.

        known: The keywords that are no settings.

        like: The name of the model whose rules hold for this one.

        rules: Rows that hold in place of the provider's own.

        left: What the models before this one may still hold open.

    Raises:
        ConfigurationError: One of its kinds says what cannot work, and what to do.
    """

    def __init__(
        self,
        source: Source,
        settings: dict[str, Any],
        *,
        known: Iterable[str],
        like: str | None = None,
        rules: Rules | None = None,
        left: tuple[PerLoop[Provider], ...] = (),
    ) -> None:
        check_settings(settings, source.maker, known=known)
        if not isinstance(cast("object", like), str | None):
            raise InvalidParameter(f"like takes a model's name; got {like!r}")

        self.name = source.model
        self.settings = settings
        self.like = None if like is None else like.removeprefix(f"{source.provider}:")
        self.own_rules = checked_rules(rules or {})
        self.rulebook = source.maker(**settings)
        """A provider that is asked for its rules, and never opened."""
        if not isinstance(cast("object", self.rulebook), Provider):
            raise InvalidParameter(f"provider takes a Provider; got {self.rulebook!r}")
        if self.like is not None and isinstance(self.rules({}).get("model_name"), Assumed):
            raise UnknownModel(f"like={like!r} is in no table of the provider's either")

        self.is_nowhere = isinstance(self.rulebook, Nowhere)
        """Whether only the class answers, and nobody stands behind it."""
        self.provider = source.provider or ("" if self.is_nowhere else type(self.rulebook).__name__)
        """The provider's name; empty where there is none."""
        self._source = source
        self._known = known
        self._left = left
        self._opened: PerLoop[Provider] = PerLoop(
            partial(_opened, partial(source.maker, **settings)), _closed, keep=True
        )

    @property
    def given(self) -> Callable[..., Provider] | None:
        """The provider that the caller brought along, if it is no installed one."""
        return None if self._source.provider or not self.provider else self._source.maker

    @property
    def full_name(self) -> str:
        """Provider and model."""
        return f"{self.provider}:{self.name}" if self.provider else self.name

    @property
    def opened(self) -> list[Provider]:
        """The providers that are open now, in any event loop, with those that earlier models left open."""
        return [provider for each in (*self._left, self._opened) for provider in each.opened]

    def rules(self, asked: Mapping[str, Any]) -> Rules:
        """Return the rules that hold under the parameters *asked*."""
        rules = self.rulebook.rules(self.like or self.name, cast("Params", asked))
        return {**rules, **self.own_rules} if self.own_rules else rules

    def applied(self, task: Prompt, asked: Mapping[str, Any], count: Count | None = None) -> Prepared:
        """Turn a call into the provider's words."""
        return prepare(
            task, asked, self.rules, provider=self.provider, model=self.name, like=self.like, count=count
        )

    def followed_by(
        self, name: str, settings: dict[str, Any], *, like: str | None = None, rules: Rules | None = None
    ) -> Model:
        """Return the model that *name* says; it is this one where nothing changes."""
        if not isinstance(cast("object", name), str) or not name:
            raise InvalidParameter(f"model_name takes a model's name; got {name!r}")

        given = self.given
        look = find_or_nowhere if self.is_nowhere else find
        source = look(name.removeprefix(f"{self.provider}:") if given else name, given)
        if source == self._source and not settings and like is None and rules is None:
            return self

        # A key goes to nobody but the provider that it was given for.
        stays = replace(source, model=self.name) == self._source
        kept = self.settings if stays and not settings else settings
        left = tuple(each for each in (*self._left, self._opened) if each.is_held)
        model = Model(source, kept, known=self._known, like=like, rules=rules, left=left)
        self._opened.keep_none()  # Not before: had that failed, this one would go on.
        return model

    def asked(self) -> Model:
        """Return the model that is asked: this one, or where none was named, what that means now."""
        if self._source != NOBODY:
            return self

        source = find_or_nowhere(None, None)
        found = Model(source, self.settings, known=self._known, rules=self.own_rules)
        # Of several threads that ask at the same time, all get the same.
        return cast("Model", vars(self).setdefault("_asked", found))

    @asynccontextmanager
    async def use(self) -> AsyncGenerator[Provider]:
        """Use this event loop's provider; what an earlier model held open in the loop is closed first."""
        await self._close_left()
        async with self._opened.use() as provider:
            yield provider

    async def aclose(self) -> None:
        """Close what is held open in the running event loop."""
        await self._close_left()
        await self._opened.aclose()

    async def _close_left(self) -> None:
        for each in self._left:
            await each.aclose()


async def _opened(make: Callable[[], Provider]) -> Provider:
    provider = make()
    try:
        await provider.aopen()
    except BaseException:
        with anyio.move_on_after(CLOSING, shield=True):
            await provider.aclose()
        raise
    return provider


async def _closed(provider: Provider) -> None:
    await provider.aclose()
