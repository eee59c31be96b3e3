"""What is public, and that it explains itself."""

import importlib
import inspect
import types

import pytest

from asyncllm.rules import Rule

DOORS = [
    "asyncllm",
    "asyncllm.batch",
    "asyncllm.errors",
    "asyncllm.http",
    "asyncllm.provider",
    "asyncllm.resources",
    "asyncllm.rules",
    "asyncllm.testing",
]


def public(module):
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }


@pytest.mark.parametrize("door", [door for door in DOORS if door != "asyncllm.errors"])
def test_a_door_lists_its_names_in_order(door):
    exported = importlib.import_module(door).__all__

    assert exported == sorted(exported, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    assert len(exported) == len(set(exported))


def test_every_public_name_of_the_package_is_listed():
    import asyncllm

    assert public(asyncllm) == set(asyncllm.__all__)


@pytest.mark.parametrize("door", [door for door in DOORS if door not in {"asyncllm", "asyncllm.errors"}])
def test_everything_that_a_door_defines_is_listed_or_private_to_the_house(door):
    module = importlib.import_module(door)
    own = {
        name
        for name, value in vars(module).items()
        if getattr(value, "__module__", None) == door and not name.startswith("_")
    }

    assert own <= set(module.__all__)


def test_every_error_is_exported():
    import asyncllm
    from asyncllm import errors

    kinds = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and value.__module__ == errors.__name__
    }

    assert kinds <= set(asyncllm.__all__)


def undocumented():
    for door in DOORS:
        module = importlib.import_module(door)
        if not module.__doc__:
            yield door
        for name in getattr(module, "__all__", public(module)):
            value = getattr(module, name)
            if isinstance(value, type) and value.__module__.startswith("asyncllm"):
                yield from (f"{door}.{name}.{each}" for each in without_words(value))
            elif (
                isinstance(value, types.FunctionType)
                and value.__module__.startswith("asyncllm")
                and not value.__doc__
            ):
                yield f"{door}.{name}"


def without_words(cls):
    """Name what a class defines for its callers without a word on it."""
    if not cls.__doc__ or cls.__doc__.startswith(f"{cls.__name__}("):
        yield "__doc__"
    for name, value in vars(cls).items():
        told = isinstance(value, types.FunctionType | property) and not name.startswith("_")
        if told and name not in vars(Rule) and not inspect.getdoc(getattr(cls, name)):
            yield name


def test_every_public_name_has_a_docstring():
    assert list(undocumented()) == []
