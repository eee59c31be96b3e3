"""Grammars that llama.cpp never comes to an end with, and those that it does."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asyncllm import InvalidParameter
from asyncllm_llamacpp._grammar import Grammar
from asyncllm_llamacpp._recursion import LeftRecursive, check
from asyncllm_llamacpp._sampler import Sampler
from asyncllm_llamacpp._schema import grammar

BEHIND_EMPTY = 'root ::= a\na ::= b a "x" | "y"\nb ::= c\nc ::= "z"*'
TRY = Path(__file__).parent / "grammars.py"

JSON = r"""
root   ::= object
value  ::= object | array | string | number | ("true" | "false" | "null") ws
object ::= "{" ws ( string ":" ws value ("," ws string ":" ws value)* )? "}" ws
array  ::= "[" ws ( value ("," ws value)* )? "]" ws
string ::= "\"" ( [^"\\\x7F\x00-\x1F] | "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4}) )* "\"" ws
number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9] [1-9]{0,15})? ws # a number
ws ::= [ \t\n]*
"""


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('root ::= root "a" | "b"', "root"),
        ("root ::= root", "root"),
        (BEHIND_EMPTY, "a"),
        ('root ::= "x"? ("y"* root)', "root"),
        ('root ::= a "x" | "y"\na ::= b\nb ::= "" root', "root > a > b"),
        ('root ::= "a"\nb ::= [] b', "b"),
    ],
)
def test_a_rule_that_begins_with_itself_is_refused_by_name(text, path):
    with pytest.raises(LeftRecursive, match=f"by way of {path};"):
        check(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('root ::= (("a"? "b"?){0,30}){0,30}', "'root' repeats what may be empty"),
        ('root ::= "x" a+\na ::= b\nb ::= "z"*', "'root' repeats what may be empty"),
        ('root ::= "a"?*', "'root' repeats what may be empty"),
        (
            "\n".join(["root ::= r0", *(f"r{n} ::= r{n + 1} r{n + 1}" for n in range(60)), 'r60 ::= "a"?']),
            "of them by leaving something out",
        ),
        (
            "\n".join(
                [
                    "root ::= r0",
                    *(f'r{n} ::= r{n + 1} "x" | r{n + 1} "y"' for n in range(60)),
                    'r60 ::= "a"',
                ]
            ),
            "may begin in 16384 ways",
        ),
        ("root ::= [a", "not in llama.cpp's notation from '"),
        ('"a"', "where a rule was to begin"),
        ('root ::= ")" )\n | "a"', "a '\\)' too many"),
    ],
)
def test_what_llama_cpp_would_take_too_long_over_is_refused(text, words):
    with pytest.raises(InvalidParameter, match=words):
        check(text)


@pytest.mark.parametrize(
    "text",
    [
        JSON,
        'root ::= (term "=" ws)+\nterm ::= [0-9]+ ws | "(" ws term ")" ws\nws ::= [ \\t\\n]*',
        'root ::= ("- " [^\\r\\n\\x0b]+ "\\n")+',
        'root ::= "#" # a comment ( that "is" not read\n  \nb ::= [^\\]a]{2,}\n | \r\n"" .? <[7]> !<|end|>',
        "root ::= " + " | ".join(f'"{n}"' for n in range(3000)),
    ],
)
def test_a_grammar_that_ends_is_let_through(text):
    check(text)


def test_a_schema_that_only_leads_back_to_itself_is_told_of_as_a_schema():
    with pytest.raises(InvalidParameter, match="response_format has a part that stands for itself"):
        grammar({"anyOf": [{"$ref": "#"}, {"type": "null"}]})

    assert grammar({"anyOf": [{"type": "array", "items": {"$ref": "#"}}, {"type": "null"}]})


def sequences(part):
    repeated = st.tuples(part, st.sampled_from(["", "", "", "?", "*", "+", "{0,2}", "{2}"])).map("".join)
    return st.lists(
        st.lists(repeated, max_size=3).map(lambda parts: " ".join(['""', *parts])), min_size=1, max_size=3
    ).map(" | ".join)


PARTS = st.recursive(
    st.sampled_from(['"a"', '"b"', "[^c]", "root", "r1", "r2", "r3"]),
    lambda part: sequences(part).map(lambda inner: f"({inner})"),
    max_leaves=4,
)
GRAMMARS = st.lists(sequences(PARTS), min_size=4, max_size=4).map(
    lambda rules: "\n".join(
        f"{name} ::= {rule}" for name, rule in zip(("root", "r1", "r2", "r3"), rules, strict=True)
    )
)


@pytest.mark.slow
def test_what_is_not_refused_is_compiled_and_followed_to_its_end():
    passed = []

    @settings(max_examples=300, database=None, deadline=None)
    @given(GRAMMARS)
    def gather(text):
        try:
            check(text)
        except InvalidParameter:
            return
        passed.append(text)

    gather()
    told = subprocess.run(
        [sys.executable, str(TRY)],
        input="\0".join(passed).encode(),
        capture_output=True,
        timeout=60,
        check=True,
    )

    assert len(passed) > 20
    assert told.stdout.split() == [b"followed"] * len(passed)


@pytest.mark.parametrize("text", [JSON, 'root ::= "é🦜" [^a]* "</" .', 'root ::= <[65]> "b"'])
def test_the_tokens_that_fit_are_those_that_fit_one_by_one(model, text):
    kept = Grammar(model.vocabulary, text)
    everything = np.arange(model.vocabulary.size)
    random = np.random.default_rng(7)
    try:
        for _ in range(12):
            fitting = kept.fitting()
            assert fitting.tolist() == kept.fitting_of(everything).tolist()
            going = [token for token in fitting if not model.vocabulary.ends(int(token))]
            if not going:
                break
            kept.accept(int(random.choice(going)))
    finally:
        kept.close()


@pytest.mark.parametrize(
    "options", [{"temperature": 0}, {"temperature": 1.5}, {"temperature": 1.5, "top_k": 0}]
)
def test_what_is_drawn_is_the_same_as_if_all_that_does_not_fit_were_impossible(model, options):
    random = np.random.default_rng(3)
    chosen, wanted = [], []
    for seed in range(20):
        given_ = {**options, "seed": seed, "repetition_penalty": 1.3}
        row = random.normal(0, 4, model.vocabulary.size).astype(np.float32)
        kept = Grammar(model.vocabulary, JSON)
        kept.accept(int(kept.fitting()[0]))
        masked = np.full_like(row, -1e30)
        masked[kept.fitting()] = row[kept.fitting()]
        for grammar_, scores, told in ((kept, row, chosen), (None, masked, wanted)):
            sampler = Sampler(given_, prompt=[5, 6], grammar=grammar_)
            told.append(sampler.choose(scores))
            sampler.close()

    assert chosen == wanted
