"""What every test shares."""

import pytest

from asyncllm._limits import _gates


def pytest_addoption(parser):
    parser.addoption("--update-golden", action="store_true", help="write tests/providers/golden anew")


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param


@pytest.fixture(autouse=True)
def _nothing_learned():
    """What one test's server taught is nothing to the next one's, which may have got the same port."""
    _gates._latest.clear()
    _gates._gates.clear()
