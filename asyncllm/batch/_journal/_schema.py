"""How a journal is laid out in its file."""

from __future__ import annotations

APPLICATION_ID = 0x614C4C4D  # "aLLM"
VERSION = 1

SCHEMA = """
CREATE TABLE run (
    id       INTEGER PRIMARY KEY,
    created  REAL NOT NULL,
    pid      INTEGER NOT NULL,
    library  TEXT NOT NULL,
    identity TEXT NOT NULL
) STRICT;

CREATE TABLE items (
    key           TEXT PRIMARY KEY,
    idx           INTEGER NOT NULL,
    run           INTEGER NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('maybe_billed', 'done', 'failed')),
    fingerprint   TEXT NOT NULL,
    intended      REAL NOT NULL,
    ended         REAL,
    attempts      INTEGER NOT NULL DEFAULT 0,
    input_tokens  INTEGER,
    output_tokens INTEGER,
    timing        TEXT,
    error         TEXT,
    prompt        TEXT,
    response      TEXT
) STRICT;

CREATE INDEX items_in_order ON items (idx);

CREATE TABLE remote (
    tag     TEXT PRIMARY KEY,
    id      TEXT,
    state   TEXT NOT NULL CHECK (state IN ('planned', 'submitted', 'ended')),
    created REAL NOT NULL,
    keys    TEXT NOT NULL
) STRICT;
"""
"""An item's long columns come last: what is counted is found without reading them."""

INTENT = ("key", "idx", "run", "state", "fingerprint", "intended", "prompt")
"""The columns of what is written before an item is sent."""
OUTCOME = (
    "key",
    "idx",
    "run",
    "state",
    "fingerprint",
    "intended",
    "ended",
    "attempts",
    "input_tokens",
    "output_tokens",
    "timing",
    "error",
    "response",
)
"""The columns of what is written once it has ended."""
