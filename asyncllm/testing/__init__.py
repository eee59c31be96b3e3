"""What tests of programs and of plugins need: a provider, and a server, that answer as they are told."""

from ._fake import FakeProvider

__all__ = ["FakeProvider"]
