"""Several answers to one call are told apart."""

from __future__ import annotations

from typing import Any

import pytest

from asyncllm import LLM
from asyncllm.provider import Params, Table
from asyncllm.testing._server import ScriptedServer

from ._answers import answered
from ._expect import expect, outcome
from ._served import HTTPSubject
from ._subject import MODES, ONCE
from ._trials import prepared

TEXTS = ("one", "another")
ASKED = Params(num_return_sequences=len(TEXTS))


class Several(HTTPSubject):
    """Where a table says that a call returns several answers, each of them arrives."""

    @pytest.mark.anyio
    @pytest.mark.parametrize("mode", MODES)
    async def test_several_answers_to_one_call_are_told_apart(
        self, server: ScriptedServer, mode: str
    ) -> None:
        table = next(filter(self._has_several, self.tables), None)
        if table is None:
            return

        reply = self.answers(*TEXTS, stream=mode == "stream")
        expect(
            reply,
            f"by the table {table.name!r} a call returns several answers: say in answers(*texts, stream) "
            "what the server sends then, so that they can be seen to come apart",
        )
        server.reply(reply)
        given: dict[str, Any] = {**self.settings(server.url), **table.params, **ASKED}
        async with LLM(table.model, provider=self.provider, retry=ONCE, **given) as llm:
            texts = answered(await outcome(llm, mode)).texts

        expect(
            texts == TEXTS,
            f"the server said {TEXTS} in one answer, and {texts} came: give each Delta the index of its text",
        )

    def _has_several(self, table: Table) -> bool:
        return prepared(self.made(table), table, {**table.params, **ASKED}).choices == len(TEXTS)
