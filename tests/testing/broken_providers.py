"""Ways in which a provider over HTTP can be wrong: test_conformance_catches.py runs them."""

# ruff: noqa: N801, RUF012
# A class is written where the suite looks for it, and a table is a table.

import json
import threading
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import anyio
import httpx2
from asyncllm_parrot import Chat, ChattyParrot, ParrotProvider, Speech
from test_parrot import END, TestChat, TestParrot

from asyncllm import http
from asyncllm.errors import Unavailable, UnexpectedResponse
from asyncllm.provider import Answer, Choice, Response, Wire, in_one_piece
from asyncllm.rules import Applied, Native
from asyncllm.testing import Reply


class Right(TestParrot):
    patience = 0.5


def speaking(surface):
    """Return a Parrot that speaks by another surface."""

    class Parrot(ParrotProvider):
        def surface(self, request):
            return surface()

    return Parrot


class DropsAParameter(Speech):
    def body(self, request, *, stream):
        options = {name: value for name, value in request.options.items() if name != "temperature"}
        return super().body(replace(request, options=options), stream=stream)


class TestDropsAParameter(Right):
    provider = speaking(DropsAParameter)


class SendsAnExtraKey(Speech):
    def body(self, request, *, stream):
        return super().body(replace(request, options={"longest": 100, **request.options}), stream=stream)


class TestSendsAnExtraKey(Right):
    provider = speaking(SendsAnExtraKey)


class SendsNulls(Speech):
    def body(self, request, *, stream):
        return json.dumps({"seed": None, **json.loads(super().body(request, stream=stream))}).encode()


class TestSendsNulls(Right):
    provider = speaking(SendsNulls)


class SendsTheDropped(Speech):
    def body(self, request, *, stream):
        return json.dumps({"top_k": 40, **json.loads(super().body(request, stream=stream))}).encode()


class TestSendsTheDropped(Right):
    provider = speaking(SendsTheDropped)


@dataclass(frozen=True)
class Mute:
    verdict: str

    def apply(self, name, value, asked):
        return Applied(verdict=self.verdict)


class TestSaysNativeAndDoesNothing(Right):
    class provider(ParrotProvider):
        def rules(self, model, params):
            return {**super().rules(model, params), "seed": Mute("native")}


class TestDropsWithoutAReason(Right):
    class provider(ParrotProvider):
        def rules(self, model, params):
            return {**super().rules(model, params), "seed": Mute("dropped")}


class TestStatesNoTables(Right):
    class provider(ParrotProvider):
        tables = ()

    model = "macaw-2"


class TestPlansSomethingElse(Right):
    class provider(ParrotProvider):
        def wire(self, request):
            return Wire(to="POST /v1/speak", body={**request.options})


class TakesACutStream(Speech):
    def reader(self, request_id):
        def read(line):
            return [replace(delta, finish_reason="stop") for delta in whole(line)]

        whole = super().reader(request_id)
        return read


class TestTakesACutStream(Right):
    provider = speaking(TakesACutStream)


class PassesOverRubbish(Speech):
    def reader(self, request_id):
        def read(line):
            try:
                return whole(line)
            except ValueError:
                return []

        whole = super().reader(request_id)
        return read


class TestPassesOverRubbish(Right):
    provider = speaking(PassesOverRubbish)


class StripsPieces(Speech):
    def reader(self, request_id):
        whole = super().reader(request_id)
        return lambda line: [replace(delta, text=delta.text.strip()) for delta in whole(line)]


class TestStripsPieces(Right):
    provider = speaking(StripsPieces)


class TestHasNoErrors(Right):
    class provider(ParrotProvider):
        errors = {}


class TestJudgesAllErrorsAlike(Right):
    class provider(ParrotProvider):
        errors = {Exception: Unavailable}

        async def post(self, path, body, headers):
            try:
                return await super().post(path, body, headers)
            except http.StatusError as error:
                raise Unavailable(str(error)) from error


class TestRetriesByItself(Right):
    class provider(ParrotProvider):
        async def post(self, path, body, headers):
            try:
                return await super().post(path, body, headers)
            except http.ServerError:
                return await super().post(path, body, headers)


class TestLeaksTheKey(Right):
    class provider(ParrotProvider):
        def secrets(self):
            return ()


class TestShowsTheKey(Right):
    class provider(ParrotProvider):
        def __repr__(self):
            return f"Parrot({self.key})"


class TestNamesNoSecret(Right):
    class provider(ParrotProvider):
        secret_settings = frozenset()


class KeptOpen:
    """What a stream brings, without anything that closes it."""

    def __init__(self, answer):
        self.lines = aiter(http.lines(answer))
        self.read = Speech().reader(None)

    def __aiter__(self):
        return self

    async def __anext__(self):
        return self.read(await anext(self.lines))[0]


KEPT = []


class TestKeepsTheConnectionOpen(Right):
    class provider(ParrotProvider):
        @asynccontextmanager
        async def stream(self, request):
            surface = self.surface(request)
            answer = await self.post(surface.path, surface.body(request, stream=True), request.headers)
            KEPT.append(KeptOpen(answer))
            yield KEPT[-1]


class TestNeverGivesThePoolBack(Right):
    class provider(ParrotProvider):
        async def aclose(self):
            pass


class TestSharesAClientAmongLoops(Right):
    class provider(ParrotProvider):
        shared = None

        async def aopen(self):
            self._sent_key = self.key
            if not type(self).shared:
                type(self).shared = httpx2.AsyncClient(timeout=2)
            self._client = self.client(self.shared)

        async def aclose(self):
            pass


class TestSwallowsCancellation(Right):
    class provider(ParrotProvider):
        async def post(self, path, body, headers):
            try:
                return await super().post(path, body, headers)
            except BaseException as error:
                raise Unavailable("something") from error


class TestMixesCallsUp(Right):
    class provider(ParrotProvider):
        async def post(self, path, body, headers):
            self.body = body
            await anyio.sleep(0.01)
            return await super().post(path, self.body, headers)


class TestLeavesAThread(Right):
    class provider(ParrotProvider):
        async def aopen(self):
            await super().aopen()
            threading.Thread(target=threading.Event().wait, daemon=True, name="forgotten").start()


class TestOpensWhenMade(Right):
    class provider(ParrotProvider):
        def __init__(self, *, api_key=None, base_url=None, headers=None):
            super().__init__(api_key=api_key, base_url=base_url, headers=headers)
            threading.Thread(target=threading.Event().wait, daemon=True, name="early").start()


class TestTakesAnySetting(Right):
    class provider(ParrotProvider):
        def __init__(self, **settings):
            super().__init__(**settings)


class NeverSaysWhy(Speech):
    def response(self, content, request_id):
        response = super().response(content, request_id)
        return replace(
            response, choices=tuple(replace(each, finish_reason="unknown") for each in response.choices)
        )


class TestNeverSaysWhyItEnded(Right):
    provider = speaking(NeverSaysWhy)


class BringsSomethingBeside(Speech):
    def body(self, request, *, stream):
        mood = {"mood": "calm"} if "temperature" in request.options else {}
        return json.dumps({**json.loads(super().body(request, stream=stream)), **mood}).encode()


class TestBringsSomethingBeside(Right):
    provider = speaking(BringsSomethingBeside)


class HasNoPath(http.Surface):
    body, response, reader = Speech.body, Speech.response, Speech.reader


class TestHasNoPath(Right):
    provider = speaking(HasNoPath)


class TestMisspellsAParameter(Right):
    class provider(ParrotProvider):
        def rules(self, model, params):
            return {**super().rules(model, params), "max_token": Native()}


class TestRepliesWithNoReply(Right):
    def answer(self, text):
        return {"text": text}


class AsksForNoStream(Speech):
    def body(self, request, *, stream):
        return super().body(request, stream=False)


class TestAsksForNoStream(Right):
    provider = speaking(AsksForNoStream)


class TestNeverSendsTheKey(Right):
    class provider(ParrotProvider):
        def client(self, pool):
            return http.PlainClient(pool, base_url=self.base_url, headers=self.headers)


class TestNeverSendsTheHeaders(Right):
    class provider(ParrotProvider):
        def client(self, pool):
            return http.PlainClient(pool, base_url=self.base_url, bearer=self.key)


class TestStumblesWithoutAKey(Right):
    class provider(ParrotProvider):
        def client(self, pool):
            return http.PlainClient(pool, base_url=self.base_url, bearer=self.key + "")


class TrustsTheShape(Speech):
    def response(self, content, request_id):
        fields = json.loads(content)
        return Response(choices=(Choice(text=fields["text"], finish_reason="stop"),))


class TestTrustsTheShape(Right):
    provider = speaking(TrustsTheShape)


class TakesAnythingForText(Speech):
    def response(self, content, request_id):
        text = json.loads(content).get("text") if content[:1] == b"{" else ""
        return Response(choices=(Choice(text=text, finish_reason="stop"),))


class TestTakesAnythingForText(Right):
    provider = speaking(TakesAnythingForText)


class PassesOverErrors(Speech):
    def response(self, content, request_id):
        fields = {name: value for name, value in json.loads(content).items() if name != "error"}
        return super().response(json.dumps(fields).encode(), request_id)


class TestPassesOverErrors(Right):
    provider = speaking(PassesOverErrors)


class OneText(Chat):
    def response(self, content, request_id):
        deltas = in_one_piece(super().response(content, request_id))
        answer = Answer()
        for delta in deltas:
            answer.add(replace(delta, index=0))
        return answer.response()


class TestTakesSeveralTextsForOne(TestChat):
    class provider(ChattyParrot):
        def surface(self, request):
            return OneText()


class TestKeepsSeveralAnswersToItself(TestChat):
    def answer(self, text):
        return super().answers(text, stream=False)

    def answers(self, *texts, stream):
        return None


class Thinks(Right):
    def reasoned(self, thought, text, *, stream):
        if not stream:
            return Reply(json={"text": text, "thought": thought, **END})
        return Reply(lines=[{"thought": thought}, {"text": text}, END])


class ThinksAloud(Speech):
    def response(self, content, request_id):
        return super().response(aloud(content), request_id)

    def reader(self, request_id):
        read = super().reader(request_id)
        return lambda line: read(aloud(line))


def aloud(said):
    """Return *said* with its thoughts as text."""
    fields = json.loads(said)
    thought = fields.pop("thought", "")
    return json.dumps({**fields, "text": thought + fields.get("text", "")} if thought else fields)


class TestThinksAloud(Thinks):
    provider = speaking(ThinksAloud)


class TestKeepsItsThoughts(Thinks):
    pass


class ReadsAnotherKey(Speech):
    def response(self, content, request_id):
        try:
            return json.loads(content)["words"]
        except KeyError as error:
            raise UnexpectedResponse("no answer") from error


class TestReadsAnotherKey(Right):
    provider = speaking(ReadsAnotherKey)
