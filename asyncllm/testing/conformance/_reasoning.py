"""What a model thinks is no part of what it answers."""

from __future__ import annotations

import pytest

from asyncllm.testing._reply import Recorded, Reply
from asyncllm.testing._server import ScriptedServer

from ._answers import answered
from ._expect import expect, outcome
from ._served import HTTPSubject
from ._subject import MODES, PIECES

THOUGHT = "Hm, they greet me.\n\nSo do I."


class Reasoning(HTTPSubject):
    """Where the vendor shows what the model thought, it arrives, and apart from the answer."""

    @pytest.mark.anyio
    @pytest.mark.parametrize("mode", MODES)
    async def test_what_was_thought_is_apart_from_the_answer(self, server: ScriptedServer, mode: str) -> None:
        said = "".join(PIECES)
        if self.reasoned(THOUGHT, said, stream=False) is None:
            return

        def reply(request: Recorded) -> Reply:
            return self.reasoned(THOUGHT, said, stream=self.is_stream(request)) or Reply(status=500)

        server.reply(reply)
        async with self.llm(server.url) as llm:
            got = answered(await outcome(llm, mode))

        expect(
            got.text == said,
            f"the server answered {said!r}, and the text is {got.text!r}: what the model thought is no part "
            "of it, and belongs in the reasoning of a Delta, or of a Choice",
        )
        expect(
            got.reasoning == THOUGHT,
            f"the model thought {THOUGHT!r}, and the reasoning is {got.reasoning!r}: give each Delta, or the "
            "Choice, what it brings of that",
        )
