"""The scripted server keeps to its script, sees its clients come and go, and ends at once."""

import json
import socket
import subprocess
import sys
import threading
import time

import anyio
import anyio.to_thread
import httpx2
import pytest

from asyncllm.testing import Reply, ScriptedServer, anthropic_stream, openai_answer

UNLIMITED = httpx2.Limits(max_connections=None)


def test_the_replies_come_in_order_and_the_last_one_stays(server, client):
    server.reply(json={"n": 1}, status=201, headers={"X-Request-Id": "req_1"})
    server.reply(json={"n": 2})

    first, *others = [client.get("/") for _ in range(4)]

    assert (first.status_code, first.json(), first.headers["x-request-id"]) == (201, {"n": 1}, "req_1")
    assert [other.json() for other in others] == [{"n": 2}] * 3


def test_a_reply_queued_after_the_last_one_was_used_comes_next(server, client):
    server.reply(json=1)
    assert client.get("/").json() == 1

    server.reply(json=2)
    assert client.get("/").json() == 2


def test_without_any_reply_it_says_so(client):
    response = client.get("/")

    assert response.status_code == 400
    assert "no reply queued" in response.json()["error"]["message"]


def test_it_records_what_it_was_asked(server, client):
    client.post("/v1/messages?beta=true", json={"model": "m"}, headers={"X-Api-Key": "k"})
    client.put("/blob", content=b"\xff\x00")

    asked, blob = server.requests
    assert (asked.method, asked.path, asked.body) == ("POST", "/v1/messages?beta=true", {"model": "m"})
    assert asked.headers["x-api-key"] == "k"
    assert (blob.method, blob.body) == ("PUT", b"\xff\x00")


def test_a_function_answers_by_the_request(server, client):
    server.reply(lambda request: Reply(json={"echo": request.body["prompt"]}))

    assert [{"echo": n} for n in range(3)] == [client.post("/", json={"prompt": n}).json() for n in range(3)]


def test_fields_are_added_to_a_ready_made_reply(server, client):
    server.reply(openai_answer("Hello!"), status=202)

    assert client.get("/").status_code == 202


def test_fields_beside_a_function_are_refused(server):
    with pytest.raises(TypeError, match="function"):
        server.reply(lambda request: Reply(), status=500)


def test_a_misspelt_field_is_refused_where_it_stands(server):
    with pytest.raises(TypeError, match="evnets"):
        server.reply(evnets=[])


def test_what_a_function_raises_is_raised_at_the_end():
    server = ScriptedServer().__enter__()
    server.reply(lambda request: request.body["no such key"])
    with pytest.raises(httpx2.TransportError):
        httpx2.post(server.url, json={})

    with pytest.raises(ExceptionGroup) as caught:
        server.__exit__()

    assert caught.group_contains(KeyError)


def test_a_connection_serves_many_requests(server, client):
    server.reply(json={})
    for _ in range(3):
        client.post("/", json={"a": 1})

    assert (server.connections, server.connections_seen) == (1, 1)


def test_a_connection_closes_when_the_client_asks_for_it(server, client, eventually):
    client.get("/", headers={"connection": "close"})

    eventually(lambda: server.connections == 0)


def test_two_requests_in_one_packet_are_both_answered(server, dial):
    server.reply(json=1)
    server.reply(json=2)

    with dial(server, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n" * 2) as sock:
        came = b""
        while came.count(b"0\r\n\r\n") < 2:
            came += sock.recv(1000)

    assert len(server.requests) == 2


@pytest.mark.parametrize("nonsense", [b"\x16\x03\x01\x02\x00", b"no http at all\r\n\r\n"])
def test_nonsense_closes_the_connection_and_nothing_else(server, client, nonsense, dial):
    with dial(server, nonsense) as sock:
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1000) == b""

    assert client.get("/").status_code == 400
    assert len(server.requests) == 1


def test_a_client_that_leaves_midway_through_its_request_is_no_request(server, client, dial):
    dial(server, b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nabc").close()
    client.get("/")

    assert len(server.requests) == 1


def test_leaving_the_block_closes_everything_at_once(dial, eventually):
    threads = threading.active_count()
    with ScriptedServer() as server:
        server.reply(hold=True)
        socks = [dial(server) for _ in range(20)]
        eventually(lambda: len(server.requests) == 20)
        began = time.monotonic()

    assert time.monotonic() - began < 1
    assert threading.active_count() == threads
    assert server.connections == 0
    assert not any(request.disconnected.is_set() for request in server.requests)
    for sock in socks:
        assert sock.recv(10) == b""
        sock.close()
    with pytest.raises(ConnectionRefusedError):
        dial(server)


def test_an_error_in_the_block_comes_out_as_it_is(dial):
    def wrong():
        with ScriptedServer() as server, dial(server):
            server.reply(hold=True)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        wrong()


def test_two_servers_do_not_mix():
    with ScriptedServer() as one, ScriptedServer() as other:
        one.reply(json=1)
        other.reply(json=2)

        assert (httpx2.get(one.url).json(), httpx2.get(other.url).json()) == (1, 2)


@pytest.mark.slow
@pytest.mark.anyio
async def test_five_hundred_at_once_are_each_answered_their_own(server):
    server.reply(lambda request: openai_answer(request.body["n"]))
    texts = {}

    async def ask(n):
        response = await client.post("/", json={"n": n})
        texts[n] = response.json()["choices"][0]["message"]["content"]

    async with (
        httpx2.AsyncClient(base_url=server.url, limits=UNLIMITED, timeout=30) as client,
        anyio.create_task_group() as group,
    ):
        for n in range(500):
            group.start_soon(ask, str(n))

    assert texts == {str(n): str(n) for n in range(500)}


@pytest.mark.slow
@pytest.mark.anyio
async def test_five_hundred_under_way_are_counted_and_their_leaving_seen(server, eventually):
    server.reply(hold=True)
    async with (
        httpx2.AsyncClient(base_url=server.url, limits=UNLIMITED, timeout=30) as client,
        anyio.create_task_group() as group,
    ):
        for _ in range(500):
            group.start_soon(client.get, "/")
        await anyio.to_thread.run_sync(eventually, lambda: len(server.requests) == 500)
        group.cancel_scope.cancel()

    assert (server.most_running, server.connections_seen) == (500, 500)
    await anyio.to_thread.run_sync(eventually, lambda: server.connections == 0)
    assert all(request.disconnected.is_set() for request in server.requests)


@pytest.mark.anyio
async def test_a_cancelled_call_is_seen_as_a_client_that_left(server, eventually):
    server.reply(hold=True)
    async with httpx2.AsyncClient(base_url=server.url) as client:
        async with anyio.create_task_group() as group:
            group.start_soon(client.get, "/")
            await anyio.to_thread.run_sync(eventually, lambda: server.requests)
            group.cancel_scope.cancel()
        left = await anyio.to_thread.run_sync(server.wait_for_disconnect)

    assert left is server.requests[0]


@pytest.mark.anyio
async def test_a_stream_can_be_read_event_by_event(server):
    server.reply(anthropic_stream("Hel", "lo"), chunks=[1])
    async with httpx2.AsyncClient(base_url=server.url) as client, client.stream("GET", "/") as response:
        events = [event async for event in httpx2.EventSource(response)]

    assert [event.event for event in events] == [json.loads(event.data)["type"] for event in events]


def test_who_uses_no_server_needs_no_h11():
    check = "import sys, asyncllm.testing; sys.exit('h11' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
