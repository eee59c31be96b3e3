"""The conformance suite fails where it should: each way of being wrong has a check that catches it."""

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

GUIDE = Path(__file__).parents[2] / "docs" / "writing-a-provider.md"
BROKEN = Path(__file__).with_name("broken_providers.py")

CAUGHT = {
    "test_every_rule_is_kept_on_the_wire": {
        "DropsAParameter":    "temperature: 'temperature' is in request.options",
        "SendsAnExtraKey":    "'longest' is sent (100) though no row brought it",
        "SendsNulls":         "'seed' is sent as null",
        "SendsTheDropped":    "'top_k' is sent (40) though no row brought it",
        "PlansSomethingElse": "wire() shows model as None",
        "BringsSomethingBeside": "'mood' is sent ('calm') beside temperature",
    },
    "test_every_surface_says_where_its_requests_go": {
        "HasNoPath": "HasNoPath has no path",
    },
    "test_every_row_is_for_a_parameter": {
        "MisspellsAParameter": "did you mean 'max_tokens'?",
    },
    "test_no_character_is_lost_however_the_answer_comes_in": {
        "RepliesWithNoReply": "answer(text) returned {'text': 'Hi'}",
    },
    "test_who_reads_a_stream_has_asked_for_one": {
        "AsksForNoStream": "a whole answer was asked for",
    },
    "test_the_settings_reach_the_server": {
        "NeverSendsTheKey":     "the setting api_key never reaches the server",
        "NeverSendsTheHeaders": "the setting headers never reaches the server",
    },
    "test_a_call_without_a_key_works_or_says_what_is_missing": {
        "StumblesWithoutAKey": "raise MissingAPIKey in client()",
    },
    "test_an_answer_of_another_shape_is_no_raw_error": {
        "TrustsTheShape":       "'text' is left out: the raw KeyError(\"'text'\") at ",
        "TakesAnythingForText": "'text' is null: None passed for a text",
    },
    "test_an_error_with_a_status_of_success_is_an_error": {
        "PassesOverErrors": "its words, 'Not today.', are not in IncompleteResponse",
    },
    "test_several_answers_to_one_call_are_told_apart": {
        "TakesSeveralTextsForOne":     "give each Delta the index of its text",
        "KeepsSeveralAnswersToItself": "say in answers(*texts, stream)",
    },
    "test_what_was_thought_is_apart_from_the_answer": {
        "ThinksAloud":        "what the model thought is no part of it",
        "KeepsItsThoughts":   "and the reasoning is ''",
    },
    "test_streaming_equals_not_streaming": {
        "StripsPieces":    "text: ",
        "ReadsAnotherKey": "KeyError(\"'words'\") at ",
    },
    "test_no_parameter_vanishes_without_a_word": {
        "SaysNativeAndDoesNothing": "seed is said to be native",
        "DropsWithoutAReason":      "seed is dropped and has no reason",
    },
    "test_the_provider_states_its_tables": {
        "StatesNoTables": "tables is empty",
    },
    "test_a_stream_that_is_cut_is_never_a_short_answer": {
        "TakesACutStream": "passed for the whole answer",
    },
    "test_a_stream_with_rubbish_in_it_is_an_error_or_whole": {
        "PassesOverRubbish": "passed for the whole answer",
    },
    "test_every_status_has_its_error": {
        "HasNoErrors":          "400: the raw StatusError",
        "JudgesAllErrorsAlike": "400: Unavailable('No.'), in place of RequestRejected",
    },
    "test_a_request_that_fails_is_sent_once": {
        "RetriesByItself": "one call was sent 2 times",
    },
    "test_no_error_tells_a_secret_that_the_server_tells": {
        "LeaksTheKey": "a secret is in the error",
    },
    "test_no_secret_is_in_repr_pickle_or_plan": {
        "ShowsTheKey": "a secret is in repr(provider)",
    },
    "test_settings_that_are_secret_are_named": {
        "NamesNoSecret": "api_key",
    },
    "test_leaving_a_stream_early_closes_its_connection": {
        "KeepsTheConnectionOpen": "goes on after the caller has left",
    },
    "test_no_connection_outlives_its_llm": {
        "NeverGivesThePoolBack": "connections are open",
    },
    "test_asyncio_and_trio_one_after_the_other": {
        "SharesAClientAmongLoops": "an ordinary call fails",
    },
    "test_a_cancelled_call_stays_cancelled_and_the_next_one_works": {
        "SwallowsCancellation": "swallowed",
    },
    "test_each_call_gets_the_answer_to_its_own_task": {
        "MixesCallsUp": "was answered with",
    },
    "test_nothing_is_left_after_answers": {
        "LeavesAThread": "threads go on after the LLM is closed, forgotten",
    },
    "test_making_a_provider_opens_nothing": {
        "OpensWhenMade": "threads go on after the LLM is closed, early",
    },
    "test_a_misspelt_setting_is_an_error": {
        "TakesAnySetting": "**settings",
    },
    "test_an_answer_says_why_it_ended": {
        "NeverSaysWhyItEnded": "finish_reason",
    },
}  # fmt: skip
"""By check: each broken provider, and some of what it is told."""

TOLD = {name: words for caught in CAUGHT.values() for name, words in caught.items()}


@pytest.fixture(scope="module")
def failures(tmp_path_factory):
    """Run each broken provider against the check that should catch it; return what each check said."""
    folder = tmp_path_factory.mktemp("plugins")
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    files = {"asyncllm_parrot.py": ('"""Parrot', "CHAT_RULES"), "test_parrot.py": ("from asyncllm_parrot",)}
    for name, beginnings in files.items():
        (folder / name).write_text("\n\n".join(block for block in blocks if block.startswith(beginnings)))
    (folder / "test_broken.py").write_text(BROKEN.read_text())
    checks = [f"test_broken.py::Test{name}::{check}" for check, caught in CAUGHT.items() for name in caught]
    command = [sys.executable, "-m", "pytest", "-q", "--junit-xml=said.xml", f"--rootdir={folder}", *checks]
    subprocess.run(command, cwd=folder, capture_output=True, check=False)
    said = {}
    for case in ET.parse(folder / "said.xml").iter("testcase"):
        words = "".join(each.get("message", "") + (each.text or "") for each in case)
        said.setdefault(case.get("classname").rpartition(".Test")[2], []).append(words)
    return said


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", TOLD)
def test_what_is_wrong_is_caught_and_told(failures, name):
    assert any(TOLD[name] in said for said in failures[name]), failures[name]


def test_every_broken_provider_is_tried():
    assert set(re.findall(r"^class Test(\w+)", BROKEN.read_text(), re.MULTILINE)) == TOLD.keys()
