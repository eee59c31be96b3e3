"""A scripted reply is sent as it says, also as no real server should."""

import socket
import time

import httpx2
import pytest


def test_events_are_texts_values_or_named(server, client):
    server.reply(events=[{"ä": 1}, ("ping", {"a": 2}), ("note", "x"), "[DONE]"])

    response = client.get("/")

    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.text == (
        'data: {"ä":1}\n\nevent: ping\ndata: {"a":2}\n\nevent: note\ndata: x\n\ndata: [DONE]\n\n'
    )


def test_lines_are_a_value_each(server, client):
    server.reply(lines=[{"a": 1}, {"done": True}])

    response = client.get("/")

    assert response.headers["content-type"] == "application/x-ndjson"
    assert response.text == '{"a":1}\n{"done":true}\n'


def test_a_body_may_be_malformed_and_its_type_wrong(server, client):
    server.reply(body=b'{"a": ')
    server.reply(json={}, headers={"Content-Type": "text/html"})

    assert client.get("/").content == b'{"a": '
    assert client.get("/").headers.get_list("content-type") == ["text/html"]


def test_an_empty_answer_is_empty(server, client):
    server.reply(status=204)

    response = client.get("/")

    assert (response.status_code, response.content) == (204, b"")


@pytest.mark.parametrize("sizes", [[1], [2, 3], [1000]])
def test_the_body_comes_in_chunks_of_the_sizes_given(server, client, sizes):
    server.reply(events=["äöü", "[DONE]"], chunks=sizes)

    with client.stream("GET", "/") as response:
        pieces = list(response.iter_raw())

    whole = "data: äöü\n\ndata: [DONE]\n\n".encode()
    assert b"".join(pieces) == whole
    assert [len(piece) for piece in pieces][:2] == (sizes * 2)[:2] if sizes != [1000] else [len(whole)]


def test_pauses_come_before_each_piece(server, client):
    server.reply(events=["a", "b", "c"], pause=0.05)

    began = time.monotonic()
    client.get("/")

    assert time.monotonic() - began >= 0.15


def test_a_cut_answer_ends_as_if_it_were_whole(server, client):
    server.reply(json={"text": "Hello"}, cut_after=8)
    server.reply(events=["a", "b", "c"], cut_after=2)
    server.reply(events=["a", "b", "c"], cut_after=3, chunks=[1])
    server.reply(lines=[1, 2, 3], cut_after=-1)
    server.reply(json={"text": "Hello"}, cut_after=0)

    texts = [client.get("/").text for _ in range(5)]

    assert texts == ['{"text":', "data: a\n\ndata: b\n\n", "dat", "1\n2\n", ""]
    assert server.connections_seen == 1


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_reset_comes_after_what_was_sent(server, client, count):
    server.reply(events=["a", "b", "c"], reset_after=count)
    with client.stream("GET", "/") as response:
        pieces = response.iter_raw()

        assert [next(pieces) for _ in range(count)] == [b"data: a\n\n", b"data: b\n\n"][:count]
        with pytest.raises(httpx2.ReadError):
            next(pieces)

    assert not server.requests[0].disconnected.is_set()


def test_a_reset_is_one_on_the_wire_too(server, dial):
    server.reply(json={}, reset_after=1)

    with dial(server) as sock, pytest.raises(ConnectionResetError):
        list(iter(lambda: sock.recv(1000), b""))


def test_a_held_answer_sends_nothing_and_sees_the_client_leave(server, client, eventually):
    server.reply(hold=True)
    with pytest.raises(httpx2.ReadTimeout):
        client.get("/slow", timeout=0.1)

    left = server.wait_for_disconnect()

    assert left is server.requests[0]
    assert left.disconnected.is_set()
    eventually(lambda: server.connections == 0)


def test_an_answer_may_be_held_midway(server, client):
    server.reply(events=["a", "b", "c"], hold_after=1)

    with client.stream("GET", "/") as response:
        pieces = response.iter_raw()
        assert next(pieces) == b"data: a\n\n"
        assert not server.requests[0].disconnected.is_set()

    assert server.wait_for_disconnect() is server.requests[0]


def test_a_client_that_leaves_during_a_pause_is_seen_at_once(server, dial):
    server.reply(events=["a", "b"], pause=60)
    dial(server).close()

    assert server.wait_for_disconnect().path == "/"


def test_a_client_that_resets_is_seen(server, dial):
    server.reply(events=["a"] * 10, pause=0.01)
    sock = dial(server)
    sock.recv(1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    sock.close()

    assert server.wait_for_disconnect().disconnected.is_set()


def test_a_client_that_stops_reading_and_leaves_is_seen(server, dial):
    server.reply(body=bytes(20_000_000))
    with dial(server) as sock:
        sock.recv(1)

    assert server.wait_for_disconnect().disconnected.is_set()


def test_who_has_the_whole_answer_may_go(server):
    server.reply(events=["a"])
    for _ in range(20):
        httpx2.get(server.url)

    with pytest.raises(TimeoutError, match=r"0\.05 s"):
        server.wait_for_disconnect(timeout=0.05)
    assert not any(request.disconnected.is_set() for request in server.requests)
