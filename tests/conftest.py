"""What every test shares."""

import pytest


def pytest_addoption(parser):
    parser.addoption("--update-golden", action="store_true", help="write tests/providers/golden anew")


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param
