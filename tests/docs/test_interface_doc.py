"""The page on the specified interface has a row for all of it, and each row a test that there is."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from asyncllm import LLM, BaseLLM

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "interface.md").read_text()


def names(listed):
    return re.findall(r"\w+", listed)


PARAMETERS = names("""
    model_name max_tokens temperature top_k top_p system_prompt beam_width num_return_sequences seed
    frequency_penalty presence_penalty stop_token length_penalty role max_length do_sample early_stopping
    num_beams repition_penalty pad_token_id eos_token_id bos_token_id device
""")
METHODS = names("""
    run arun batch_run abatch_run chat __call__ _tokens_per_second _num_tokens _time_for_generation
    generate_summary set_temperature set_max_tokens clear_history enable_logging log_event save_checkpoint
    load_checkpoint toggle_creative_mode track_resource_utilization get_generation_time set_max_length
    set_model_name set_frequency_penalty set_presence_penalty set_stop_token set_length_penalty set_role
    set_top_k set_top_p set_num_beams set_do_sample set_early_stopping set_seed set_device
""")
BESIDES = names("""
    model_id freq_penalty stop_token_id metrics time_to_first_token generation_latency throughput
""")
"""What the reference implementation has, and the specification does not list."""

SPECIFIED = {
    "parameter": PARAMETERS,
    "attribute": [*PARAMETERS, "history"],
    "method":    METHODS,
    "name":      BESIDES,
}  # fmt: skip
"""All that was specified, by the tables that it has to be in."""

ROW = re.compile(r"^\| `(?P<name>\w+)[^`|]*` \| (?P<does>[^|]+) \| (?P<tests>[^|]+) \|$", re.MULTILINE)
TEST = re.compile(r"`([\w/]+\.py)::(\w+)(?:\[(\w+)\])?`")


def tables():
    """Return the rows of each table, by what its first column is called."""
    found = re.findall(
        r"^\| (\w+) \| what it does here \| shown by \|\n\|[-|]+\|\n((?:\|.*\n)+)", PAGE, re.MULTILINE
    )
    return {what: [ROW.match(line) for line in rows.splitlines()] for what, rows in found}


TABLES = tables()
ROWS = [row for rows in TABLES.values() for row in rows]


@pytest.fixture(scope="module")
def collected():
    """The tests in the files that the page names, as pytest finds them, and all their parameters."""
    files = sorted({f"tests/{file}" for file, _, _ in TEST.findall(PAGE)})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-p", "no:cacheprovider", *files]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = {}
    for file, test, given in re.findall(r"^tests/(\S+\.py)::(\w+)(?:\[(.*)\])?$", done.stdout, re.MULTILINE):
        found.setdefault((file, test), {""}).update(given.split("-"))
    return found


def test_every_row_can_be_read():
    assert set(TABLES) == set(SPECIFIED)
    assert None not in ROWS


@pytest.mark.parametrize("what", SPECIFIED)
def test_all_that_was_specified_has_one_row(what):
    names = [row["name"] for row in TABLES[what]]

    assert [name for name in SPECIFIED[what] if name not in names] == []
    assert len(set(names)) == len(names)


def test_there_is_no_row_without_a_test_that_there_is(collected):
    lacking = [row["name"] for row in ROWS if not TEST.findall(row["tests"])]
    unknown = [
        f"{file}::{test}[{given}]"
        for file, test, given in TEST.findall(PAGE)
        if given not in collected.get((file, test), ())
    ]

    assert (lacking, unknown) == ([], [])


def test_every_test_that_a_row_names_is_named_so_that_it_is_looked_for():
    for row in ROWS:
        assert len(TEST.findall(row["tests"])) == row["tests"].count("::"), row["name"]


def test_all_that_has_a_row_is_there():
    keywords = inspect.signature(BaseLLM).parameters

    assert [row["name"] for row in TABLES["parameter"] if row["name"] not in keywords] == []
    assert [row["name"] for row in ROWS if not hasattr(LLM, row["name"])] == []
    assert [row["name"] for row in TABLES["method"] if not callable(getattr(LLM, row["name"], None))] == []


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_parameters_defaults_are_as_specified(name):
    parameter = inspect.signature(BaseLLM).parameters[name]

    assert parameter.default is None
    assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
