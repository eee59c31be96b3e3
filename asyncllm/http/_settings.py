"""
The settings of an HTTP API, checked before anything is sent.

What was given is not shown where it may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

import httpx2

from asyncllm.errors import InvalidParameter

# What a header may hold (RFC 9110, section 5); the SDKs send nothing but ASCII.
NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
VALUE = re.compile(r"([!-~]([ -~]*[!-~])?)?")


def checked_url(url: Any) -> str | None:
    """
    Return *url*, if it is an address that requests can go to; None where it is not set.

    Raises:
        InvalidParameter: It is something else, or holds what may be a key: a password, a query.
    """
    if url is None or url == "":
        return None

    parts = _parsed(url)
    if parts.userinfo:
        raise InvalidParameter("base_url takes no user name and no password: send them with headers=")
    if parts.query or parts.fragment:  # Paths are added at its end; and it is logged, by httpx2 itself.
        raise InvalidParameter("base_url takes no query and no fragment: a key is sent with headers=")
    if parts.scheme in {"http", "https"} and parts.host and (parts.port or 0) < 2**16:
        return str(url)

    # What stands before an @ may be a password.
    came = "one with an '@' in it" if "@" in str(url) else repr(url)
    raise InvalidParameter(f"base_url takes an address like 'http://localhost:8000/v1'; got {came}")


def checked_text(name: str, text: Any) -> str | None:
    """
    Return *text*, if it can stand in a header; None where it is not set.

    Raises:
        InvalidParameter: It cannot; the message tells the setting's *name*, but never the text.
    """
    if text is None or (isinstance(text, str) and VALUE.fullmatch(text)):
        return text

    came = "another text" if isinstance(text, str) else type(text).__name__
    raise InvalidParameter(f"{name} takes printable ASCII without space around it; got {came}")


def checked_headers(headers: Mapping[Any, Any] | None) -> dict[str, str]:
    """
    Return what is set of *headers*, if a request can carry them.

    Raises:
        InvalidParameter: It cannot; no value is in the message.
    """
    if headers is None:
        return {}
    if not isinstance(cast("object", headers), Mapping):
        raise InvalidParameter(
            f"headers takes a mapping, as in {{'x-team': 'red'}}; got {type(headers).__name__}"
        )
    if not all(isinstance(name, str) and NAME.fullmatch(name) for name in headers):
        raise InvalidParameter("headers takes names like 'x-team'; one of them cannot be a header's")

    checked = {name: checked_text(f"headers[{name!r}]", value) for name, value in headers.items()}
    return {name: value for name, value in checked.items() if value is not None}


def _parsed(url: Any) -> httpx2.URL:
    """Read *url* as the request will; what cannot be read has no parts."""
    try:
        return httpx2.URL(url if isinstance(url, str) else "")
    except (httpx2.InvalidURL, UnicodeError):
        return httpx2.URL()
