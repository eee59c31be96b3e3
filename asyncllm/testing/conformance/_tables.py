"""Every declared rule is kept, and no parameter vanishes without a word."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AsyncExitStack
from typing import Any, cast

import anyio
import pytest

from asyncllm._policy import ROWS
from asyncllm._vocabulary import unknown
from asyncllm.provider import Provider, Request, Table
from asyncllm.rules import Rule
from asyncllm.testing._reply import Recorded
from asyncllm.testing._server import ScriptedServer

from ._expect import expect, expect_none
from ._served import HTTPSubject
from ._subject import MODES, Subject
from ._trials import Trial, leaves, paths, prepared, trials

TOLD = (
    "a row of rules() says what becomes of a parameter: let its apply() return an Applied with a verdict, "
    "and with a reason unless it is native or renamed"
)
KEPT = (
    "a request goes out as it stands: put all of request.options and request.headers into what is sent, "
    "and nothing that a parameter could ask for besides"
)


class Tables(Subject):
    """What the tables promise is what the provider is told to send."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Try every table."""
        if "table" in metafunc.fixturenames:
            metafunc.parametrize("table", self.tables, ids=[table.name for table in self.tables])

    def test_the_provider_states_its_tables(self) -> None:
        expect(
            self.provider.tables and self.tables,
            f"{self.provider.__name__}.tables is empty: state a Table(name=…, model=…) for each table "
            "that rules() may return, so that each is printed, and tried here",
        )

    def test_every_row_is_for_a_parameter(self, table: Table) -> None:
        rows = cast("Mapping[str, object]", self.made(table).rules(table.model, table.params))
        strange = [str(unknown(name, ROWS)) for name in rows if name not in ROWS]
        mute = [f"{name}: {row!r} has no apply()" for name, row in rows.items() if not isinstance(row, Rule)]
        expect_none([*strange, *mute], "rules() returns a table from canonical parameters to rows")

    def test_no_parameter_vanishes_without_a_word(self, table: Table) -> None:
        tried = trials(self.made(table), table)
        expect_none(
            (problem for each in tried for problem in ([each] if isinstance(each, str) else each.unsaid())),
            TOLD,
        )

    def test_a_plan_shows_what_the_rules_promise(self, table: Table) -> None:
        provider = self.made(table)
        tried = _sound(provider, table)
        known = paths(tried)

        def problems() -> Iterator[str]:
            for trial in tried:
                wire = provider.wire(trial.request)
                body, before = _plain(wire.body), _plain(provider.wire(trial.without.request).body)
                yield from trial.unkept(body, wire.headers, before)
                yield from trial.uncalled_for(body, known, before)

        expect_none(problems(), KEPT)


class HTTPTables(Tables, HTTPSubject):
    """What the tables promise is what a server gets."""

    def test_every_surface_says_where_its_requests_go(self, table: Table) -> None:
        provider = self.made(table)
        surface_of = getattr(provider, "surface", None)
        if surface_of is None:  # One of its own making, in place of asyncllm.http's.
            return

        surface = surface_of(prepared(provider, table, table.params).request)
        expect(
            str(getattr(surface, "path", "")).startswith("/"),
            f'{type(surface).__name__} has no path: state where its requests go, as in path = "/v1/speak"',
        )

    @pytest.mark.parametrize("mode", MODES)
    def test_every_rule_is_kept_on_the_wire(self, table: Table, mode: str, server: ScriptedServer) -> None:
        server.reply(self.error(400, "This server only listens."))
        provider = self.made(table, server.url)
        tried = _sound(provider, table)
        requests = [request for trial in tried for request in (trial.without.request, trial.request)]
        got = anyio.run(_exchanged, provider, server, mode, requests)
        known = paths(tried)

        def problems() -> Iterator[str]:
            for trial in tried:
                before, after = got[repr(trial.without.request)], got[repr(trial.request)]
                if after is None or before is None:
                    yield f"{trial.name}: nothing was sent"
                    continue
                yield from trial.unkept(after.body, after.headers, before.body)
                yield from trial.uncalled_for(after.body, known, before.body)
                if mode == "complete":
                    yield from _planned(provider, trial.request, after)

        expect_none(problems(), KEPT)


async def _exchanged(
    provider: Provider, server: ScriptedServer, mode: str, requests: Iterable[Request]
) -> Mapping[str, Recorded | None]:
    """Send each of *requests*, those alike once; return what the server got, by the request in print."""
    got: dict[str, Recorded | None] = {}
    async with AsyncExitStack() as stack:
        await provider.aopen()
        stack.push_async_callback(provider.aclose)
        for spelt, request in {repr(request): request for request in requests}.items():
            before = len(server.requests)
            await _refused(provider, mode, request)
            got[spelt] = next(iter(server.requests[before:]), None)
    return got


async def _refused(provider: Provider, mode: str, request: Request) -> None:
    try:
        if mode == "complete":
            await provider.complete(request)
        else:
            async with provider.stream(request) as deltas:
                async for _ in deltas:
                    pass
    except Exception:  # noqa: BLE001  # the server refuses everything; which error that is, another test asks
        return


def _planned(provider: Provider, request: Request, sent: Recorded) -> Iterator[str]:
    wire = provider.wire(request)
    method, _, path = wire.to.partition(" ")
    if sent.method != method or not sent.path.partition("?")[0].endswith(path):
        yield f"wire() says {wire.to!r}; sent was {sent.method} {sent.path}"
    shown, got = leaves(_plain(wire.body)), leaves(sent.body)
    for key in sorted({*shown, *got}):
        if shown.get(key) != got.get(key):
            yield f"wire() shows {'.'.join(key)} as {shown.get(key)!r}; sent was {got.get(key)!r}"


def _sound(provider: Provider, table: Table) -> list[Trial]:
    return [trial for trial in trials(provider, table) if isinstance(trial, Trial)]


def _plain(body: Any) -> Any:
    return json.loads(json.dumps(body, default=str))
