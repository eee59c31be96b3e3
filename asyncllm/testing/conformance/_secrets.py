"""No secret is shown: not by repr, not in a log, a pickle or an error."""

from __future__ import annotations

import inspect
import logging
import pickle
import traceback
from collections.abc import Iterator, Mapping

import pytest

from asyncllm.provider import Response
from asyncllm.testing._reply import Reply
from asyncllm.testing._server import ScriptedServer

from ._expect import as_an_error, described, expect_none, outcome
from ._served import HTTPSubject
from ._subject import MODES, Make, Subject

SECRET_ENDINGS = ("api_key", "password", "secret", "auth_token", "access_token")
HIDE = "name the setting in secret_settings, and return its value from secrets()"


class Secrets(Subject):
    """Nobody sees a key."""

    def test_settings_that_are_secret_are_named(self) -> None:
        shown = [
            name
            for name in self.taken
            if name.endswith(SECRET_ENDINGS) and name not in self.provider.secret_settings
        ]
        expect_none(shown, f"these settings sound like secrets, and are in no secret_settings: {HIDE}")

    def test_a_misspelt_setting_is_an_error(self) -> None:
        loose = [str(each) for each in self.taken.values() if each.kind is not inspect.Parameter.KEYWORD_ONLY]
        expect_none(
            loose, "__init__ takes its settings one by one and keyword-only, so that a misspelt one is told"
        )

    def test_no_secret_is_in_repr_pickle_or_plan(self, make: Make) -> None:
        llm = make()
        shown = {
            "repr(llm)": repr(llm),
            "pickle.dumps(llm)": pickle.dumps(llm).decode("latin-1"),
            "print(llm.plan(…))": str(llm.plan("Hi")),
            "repr(provider)": repr(self.made()),
        }
        expect_none(_seen(self.secrets(), shown), HIDE)

    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.anyio
    async def test_no_secret_is_in_the_log_of_a_call(
        self, make: Make, mode: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        async with make() as llm:
            await outcome(llm, mode)
        expect_none(_seen(self.secrets(), {"the log": caplog.text}), HIDE)


class HTTPSecrets(Secrets, HTTPSubject):
    """Nobody sees a key, whatever the server does with it."""

    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.anyio
    async def test_no_error_tells_a_secret_that_the_server_tells(
        self, server: ScriptedServer, mode: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG, logger="asyncllm")
        secrets = self.secrets()
        told = " ".join(secrets)
        replies = {
            **{f"an error {status}": self.error(status, f"Bad: {told}.") for status in (400, 401, 429, 500)},
            "a whole answer that is none": Reply(json={"detail": f"Bad: {told}."}),
            "no JSON": Reply(body=f"Bad: {told}.".encode()),
            "a stream of something else": Reply(events=[{"detail": f"Bad: {told}."}, f"Bad: {told}."]),
        }
        problems: list[str] = []
        async with self.llm(server.url) as llm:
            for case, reply in replies.items():
                server.reply(reply)
                got = await outcome(llm, mode)
                problems += [f"{case}: {problem}" for problem in [as_an_error(got)] if problem]
                problems += [f"{case}: {problem}" for problem in _seen(secrets, _told(got))]
        problems += _seen(secrets, {"the log": caplog.text})
        expect_none(problems, f"a server's words may hold the key that it was sent: {HIDE}")


def _told(got: Response | Exception) -> Mapping[str, str]:
    if isinstance(got, Response):
        return {}
    return {
        "the error": described(got) + repr(got),
        "its traceback": "".join(traceback.format_exception(got)),
        "its attributes": repr(vars(got)),
        "its pickle": pickle.dumps(got).decode("latin-1"),
    }


def _seen(secrets: tuple[str, ...], shown: Mapping[str, str]) -> Iterator[str]:
    for place, text in shown.items():
        if any(secret in text for secret in secrets):
            yield f"a secret is in {place}"
