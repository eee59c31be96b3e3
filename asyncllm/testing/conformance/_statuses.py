"""Every HTTP status is an error of ours."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import anyio
import pytest

from asyncllm.errors import BY_STATUS, ProviderError, RequestRejected, Unavailable
from asyncllm.provider import Response
from asyncllm.testing._server import ScriptedServer

from ._expect import as_an_error, described, expect, expect_none, outcome
from ._rubbish import NO_ANSWERS
from ._served import HTTPSubject
from ._subject import MODES

WAIT = 0.25
"""Seconds that the server asks to wait."""
USUAL = (400, *BY_STATUS, 413, 422, 499, 500, 502, 503, 529)
"""Statuses that servers send; the others are tried too, but less often."""


class Statuses(HTTPSubject):
    """Every HTTP status is an error of ours."""

    def test_every_status_has_its_error(self, server: ScriptedServer) -> None:
        anyio.run(self._each_has_its_error, server, "complete", range(400, 600))

    @pytest.mark.anyio
    @pytest.mark.parametrize("mode", MODES)
    async def test_the_usual_statuses_have_their_errors(self, server: ScriptedServer, mode: str) -> None:
        await self._each_has_its_error(server, mode, USUAL)

    @pytest.mark.anyio
    @pytest.mark.parametrize("mode", MODES)
    async def test_a_request_that_fails_is_sent_once(self, server: ScriptedServer, mode: str) -> None:
        server.reply(self.error(503, "Later."))
        async with self.llm(server.url) as llm:
            await outcome(llm, mode)
        expect(
            len(server.requests) == 1,
            f"one call was sent {len(server.requests)} times: retrying is asyncllm's, so turn your SDK's off",
        )

    @pytest.mark.anyio
    @pytest.mark.parametrize("mode", MODES)
    async def test_an_error_whose_body_says_nothing_is_still_its_error(
        self, server: ScriptedServer, mode: str
    ) -> None:
        problems: list[str] = []
        async with self.llm(server.url) as llm:
            for status, kind in ((429, BY_STATUS[429]), (500, Unavailable), (418, RequestRejected)):
                for body, reply in NO_ANSWERS.items():
                    if reply.status == 200:
                        server.reply(replace(reply, status=status))
                        problem = as_an_error(await outcome(llm, mode), kind)
                        problems += [f"{status}, {body}: {problem}"] if problem else []
        expect_none(problems, "judge an error by its status; what its body holds may be anything")

    async def _each_has_its_error(self, server: ScriptedServer, mode: str, statuses: Iterable[int]) -> None:
        problems: list[str] = []
        async with self.llm(server.url) as llm:
            for status in statuses:
                reply = self.error(status, "No.")
                server.reply(replace(reply, headers={**reply.headers, "retry-after": str(WAIT)}))
                problem = _misjudged(status, await outcome(llm, mode))
                problems += [f"{status}: {problem}"] if problem else []
        expect_none(
            problems,
            "an HTTP status is an error of its own kind (asyncllm.errors.BY_STATUS): give your SDK's errors "
            "rows in `errors`, or raise asyncllm.errors.failure(…, status=…, retry_after=…)",
        )


def _misjudged(status: int, got: Response | Exception) -> str | None:
    kind = BY_STATUS.get(status) or (RequestRejected if status < 500 else Unavailable)
    problem = as_an_error(got, kind)
    if problem is not None or not isinstance(got, ProviderError):
        return problem
    if got.retryable is not kind.retryable:
        return f"{described(got)} is {'' if got.retryable else 'not '}retryable, unlike {kind.__name__}"
    if got.status != status:
        return f"its status is {got.status!r}"
    return None if got.retry_after == WAIT else f"retry_after is {got.retry_after!r}; the header said {WAIT}"
