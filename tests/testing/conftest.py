"""A scripted server, and clients that try it."""

import socket
import time

import httpx2
import pytest

from asyncllm.testing import ScriptedServer


@pytest.fixture
def server():
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def client(server):
    with httpx2.Client(base_url=server.url, timeout=5) as client:
        yield client


@pytest.fixture
def dial():
    """Open a plain socket to a server and ask over it."""

    def dial(server, request=b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"):
        host, port = server.url.removeprefix("http://").split(":")
        sock = socket.create_connection((host, int(port)), timeout=5)
        sock.sendall(request)
        return sock

    return dial


@pytest.fixture
def eventually():
    """Wait until something holds that happens in the server's own time."""

    def eventually(holds):
        deadline = time.monotonic() + 20
        while not holds():
            assert time.monotonic() < deadline
            time.sleep(0.005)

    return eventually
