"""Summaries of texts of any length."""

from ._method import Summaries

__all__ = ["Summaries"]
