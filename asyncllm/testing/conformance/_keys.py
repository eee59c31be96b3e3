"""The settings reach the server, and a key that is missing is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from asyncllm._keys import SHORTEST
from asyncllm.errors import ConfigurationError
from asyncllm.provider import Response
from asyncllm.testing._server import ScriptedServer

from ._expect import described, expect, expect_none, outcome
from ._served import HTTPSubject
from ._subject import MODES, texts

HEADERS: Mapping[str, str] = {"x-conformance": "made-up-by-the-suite"}


class Keys(HTTPSubject):
    """What a server is to see of the settings, it sees."""

    def test_a_key_is_tried(self) -> None:
        missing = {"api_key"} & self.taken.keys() - self.settings(self.nowhere).keys()
        expect(
            not missing, "let settings() return an api_key, so that it can be looked for where it must not be"
        )
        short = [secret for secret in self.secrets() if len(secret) < SHORTEST]
        expect_none(short, f"these made-up secrets are too short to be taken for some: {SHORTEST} and more")

    @pytest.mark.anyio
    async def test_the_settings_reach_the_server(self, server: ScriptedServer) -> None:
        server.reply(self.error(400, "No."))
        given = self.settings(server.url)
        if "headers" in self.taken:
            own: Mapping[str, str] = given.get("headers") or {}
            given = {**given, "headers": {**own, **HEADERS}}
        async with self.llm(server.url, **given) as llm:
            await outcome(llm, "complete")

        seen = [str((request.path, dict(request.headers))) for request in server.requests]
        got = "\n".join([*seen, *(text for request in server.requests for text in texts(request.body))])
        expect_none(_unseen(given, self.provider.secret_settings, got), "a setting is there to be used")

    @pytest.mark.anyio
    @pytest.mark.parametrize("mode", MODES)
    async def test_a_call_without_a_key_works_or_says_what_is_missing(
        self, server: ScriptedServer, mode: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if "api_key" not in self.taken:
            return

        monkeypatch.delenv(getattr(self.provider, "key_variable", "API_KEY"), raising=False)
        server.reply(lambda request: self.says(request, "Hi"))
        async with self.llm(server.url, api_key=None) as llm:
            got = await outcome(llm, mode)
        expect(
            isinstance(got, Response | ConfigurationError),
            f"without a key a call fails with {described(got) if isinstance(got, Exception) else got}: raise "
            "MissingAPIKey in client(), and say where a key belongs",
        )


def _unseen(given: Mapping[str, object], secret: frozenset[str], got: str) -> Iterator[str]:
    for name in sorted({*secret, "headers"} & given.keys()):
        if any(text not in got for text in texts(given[name])):
            yield f"the setting {name} never reaches the server: send it"
