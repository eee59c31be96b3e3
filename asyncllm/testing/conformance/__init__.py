"""
What every provider has to be, as tests that a plugin's author runs.

One class in a file of tests is all::

    from asyncllm.testing import ProviderConformance

    class TestEcho(ProviderConformance):
        provider = EchoProvider

A provider that speaks HTTP also says how its vendor's server answers; then it is
tried on a real socket, with all that can go wrong there::

    from asyncllm.testing import HTTPConformance, Reply

    class TestParrot(HTTPConformance):
        provider = ParrotProvider

        def settings(self, url):
            return {"base_url": url, "api_key": "made-up-key"}

        def answer(self, text):
            return Reply(json={"text": text, "done": True})

        def stream(self, *pieces):
            return Reply(lines=[*({"text": piece} for piece in pieces), {"done": True}])

It runs under pytest, with anyio's plugin (which comes with anyio), on asyncio and on trio.
"""

from __future__ import annotations

from importlib.util import find_spec

from ._answers import Answers, HTTPAnswers
from ._expect import expect
from ._failures import Failures
from ._keys import Keys
from ._leaving import HTTPLeaving, Leaving
from ._leftovers import HTTPLeftovers, Leftovers
from ._loops import Loops
from ._reasoning import Reasoning
from ._secrets import HTTPSecrets, Secrets
from ._several import Several
from ._shapes import Shapes
from ._statuses import Statuses
from ._tables import HTTPTables, Tables

if find_spec("trio") is None:
    raise ImportError("every provider is tried on trio as well: pip install trio")

__all__ = ["HTTPConformance", "ProviderConformance"]


class ProviderConformance(Tables, Answers, Leaving, Loops, Secrets, Leftovers):
    """
    What every provider has to be: subclass it as ``class Test…`` and name your ``provider``.

    One that needs settings says so in ``settings(url)``; one whose first table's model is not
    to be asked names another ``model``, and ``params`` where answers would be long, or chance.
    A provider that speaks HTTP takes :class:`HTTPConformance`.
    """

    def test_a_provider_that_speaks_http_is_tried_over_http(self) -> None:
        """Look for what is at hand only where asyncllm speaks the HTTP."""
        ours = any(base.__module__.startswith("asyncllm.http") for base in self.provider.__mro__)
        expect(
            not ours or isinstance(self, HTTPConformance),
            f"{self.provider.__name__} speaks HTTP: subclass HTTPConformance, to try it on a real socket",
        )


class HTTPConformance(
    HTTPTables,
    HTTPAnswers,
    Several,
    Reasoning,
    HTTPLeaving,
    Keys,
    HTTPSecrets,
    HTTPLeftovers,
    Statuses,
    Shapes,
    Failures,
    ProviderConformance,
):
    """
    What a provider that speaks HTTP has to be besides: say what its vendor's server sends.

    ``settings(url)`` leads it to the scripted server, ``answer(text)`` and ``stream(*pieces)`` are
    what that sends for an answer, whole and streamed; ``error(status, message)`` and
    ``is_stream(request)`` are there to be replaced, ``answers(*texts, stream)`` where
    a call returns several, and ``reasoned(thought, text, stream)`` where thoughts are shown.
    """
