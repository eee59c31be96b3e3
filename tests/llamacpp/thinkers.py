"""The tiny model with a chat template, and with tags for thoughts among its tokens."""

import struct
from pathlib import Path

TINY = Path(__file__).parent / "beams" / "tiny.gguf"

END, OPEN, CLOSE = 257, 258, 259
RENAMED = {b"<|pad|>": b"<think>", b"<|unused|>": b"</think>"}
"""Two of its special tokens, which add nothing to a text."""

ALIGNMENT = 32
COUNT_AT, ENTRIES_AT = 16, 24
STRING = 8

PLAIN = "{% for message in messages %}[{{ message.content }}]{% endfor %}"
FREE = PLAIN + "{% if add_generation_prompt %}>{% endif %}"
"""Leaves it to the model whether to think."""
OPENS = PLAIN + "{% if add_generation_prompt %}><think>\n{% endif %}"
"""Has it think in any case."""
SWITCHES = (
    PLAIN + "{% if add_generation_prompt %}>"
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>{% endif %}"
    "{% endif %}"
)
"""Can be told that it is not to think."""


def written(path, template, **others):
    """Write the tiny model with a chat *template*, and *others* by name, to *path*."""
    data = TINY.read_bytes()
    for name, other in RENAMED.items():
        data = data.replace(text(name), text(other), 1)
    entries = [entry(f"tokenizer.chat_template.{name}", source) for name, source in others.items()]
    added = b"".join([entry("tokenizer.chat_template", template), *entries])
    filling = (TINY.stat().st_size - len(data) - len(added) - len(entry("filling", ""))) % ALIGNMENT
    added += entry("filling", " " * filling)

    count = struct.unpack_from("<Q", data, COUNT_AT)[0] + len(entries) + 2
    head = data[:COUNT_AT] + struct.pack("<Q", count)
    path.write_bytes(head + added + data[ENTRIES_AT:])
    return path


def entry(name, value):
    return text(name.encode()) + struct.pack("<I", STRING) + text(value.encode())


def text(value):
    return struct.pack("<Q", len(value)) + value


def saying(*tokens):
    """Return parameters with which the model says *tokens*: each another one, and none of the prompt's."""
    return {
        "temperature": 0,
        "repetition_penalty": 1e6,
        "logit_bias": {token: 100 - 11 * at for at, token in enumerate((*tokens, END))},
    }
