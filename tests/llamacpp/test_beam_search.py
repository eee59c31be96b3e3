"""Beam search: what Hugging Face's ``generate`` answers, token for token, with the same model."""

import itertools
import json
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from searches import NESTED

from asyncllm_llamacpp import _gguf
from asyncllm_llamacpp._beam_grammars import Grammars
from asyncllm_llamacpp._beams import Beams
from asyncllm_llamacpp._draws import Draws
from asyncllm_llamacpp._forks import carried
from asyncllm_llamacpp._grammar import Grammar
from asyncllm_llamacpp._hypotheses import Search
from asyncllm_llamacpp._native import llama
from asyncllm_llamacpp._processors import Bias, Occurrences, Repetition, processors
from asyncllm_llamacpp._scores import best
from asyncllm_llamacpp._vocabulary import Vocabulary

HERE = Path(__file__).parent / "beams"
EXPECTED = json.loads((HERE / "expected.json").read_text())
END = 257
CHANGES = ("logit_bias", "repetition_penalty", "frequency_penalty", "presence_penalty")
SEQUENCES = 8


class Tiny:
    """The tiny model in a context of several sequences, as the engine has one, but in F32 throughout."""

    def __init__(self):
        path = str(HERE / "tiny.gguf").encode()
        self.model = llama.llama_model_load_from_file(path, llama.llama_model_default_params())
        assert self.model
        params = llama.llama_context_default_params()
        params.n_ctx, params.n_batch, params.n_seq_max, params.kv_unified = 1024, 128, SEQUENCES, True
        params.n_threads = params.n_threads_batch = 1
        params.type_k = params.type_v = llama.GGML_TYPE_F32
        params.flash_attn_type = llama.LLAMA_FLASH_ATTN_TYPE_DISABLED  # It computes in F16 in places.
        self.context = llama.llama_init_from_model(self.model, params)
        self.memory = llama.llama_get_memory(self.context)
        self.vocabulary = Vocabulary(self.model)
        self.batch = llama.llama_batch_init(128, 0, 1)
        self.prompt, self.last = None, None

    def compute(self, tokens, places, sequences, wanted):
        """Compute *tokens*; return the logits of those at *wanted*."""
        self.batch.n_tokens = len(tokens)
        for at, (token, place, sequence) in enumerate(zip(tokens, places, sequences, strict=True)):
            self.batch.token[at], self.batch.pos[at] = token, place
            self.batch.n_seq_id[at], self.batch.seq_id[at][0] = 1, sequence
            self.batch.logits[at] = at in wanted
        assert llama.llama_decode(self.context, self.batch) == 0
        rows = [llama.llama_get_logits_ith(self.context, at) for at in wanted]
        return np.stack([np.ctypeslib.as_array(row, (self.vocabulary.size,)) for row in rows])

    def read(self, prompt):
        """Let sequence 0 hold *prompt*; return the logits of its last token."""
        if prompt != self.prompt:
            llama.llama_memory_clear(self.memory, False)
            count = len(prompt)
            self.last = self.compute(prompt, range(count), [0] * count, [count - 1])
            self.prompt = prompt
        return self.last

    def follow(self, beams, prompt, grammars=None):
        """Search from *prompt* on; return the answers."""
        logits = self.read(prompt)
        llama.llama_memory_seq_cp(self.memory, 0, 1, -1, -1)
        sequences, free = [1], list(range(2, SEQUENCES))

        def fork(source):
            llama.llama_memory_seq_cp(self.memory, source, free[-1], -1, -1)
            return free.pop()

        def forget(sequence):
            llama.llama_memory_seq_rm(self.memory, sequence, -1, -1)
            free.append(sequence)

        for place in itertools.count(len(prompt)):
            step = beams.advance(logits, grammars and grammars.fitting(logits))
            if step is None:
                break
            if grammars:
                grammars.follow(step)
            sequences = carried(step.parents, sequences, fork=fork, forget=forget)
            count = len(sequences)
            logits = self.compute(step.tokens, [place] * count, sequences, range(count))
        for sequence in sequences:
            forget(sequence)
        return beams.results()

    def close(self):
        llama.llama_batch_free(self.batch)
        llama.llama_free(self.context)
        llama.llama_model_free(self.model)


@pytest.fixture(scope="module")
def tiny():
    tiny = Tiny()
    yield tiny
    tiny.close()


def search(setting, prompt):
    given = dict(setting)
    divisor = given.pop("stop_divisor", None)
    changes = {name: given.pop(name) for name in CHANGES if name in given}
    if biases := changes.get("logit_bias"):
        changes["logit_bias"] = {int(token): bias for token, bias in biases.items()}
    given.pop("is_nested", None)
    draws = None
    if given.pop("do_sample", False):
        filters = ("temperature", "top_k", "top_p", "min_p", "typical_p")
        draws = Draws(given.pop("seed"), **{name: given.pop(name) for name in filters})
    wanted = Search(
        beams=given.pop("num_beams"),
        returned=given.pop("num_return_sequences"),
        max_tokens=given.pop("max_new_tokens", 20),
        ends=frozenset(given.pop("eos_token_id", [END])),
        stops=None if divisor is None else lambda tokens: last_pair([*prompt, *tokens], divisor),
        **given,
    )
    return Beams(wanted, processors=[*processors(changes, prompt)], draws=draws)


def last_pair(tokens, divisor):
    """What stands for a stop token: the last two tokens add up to a multiple of *divisor*."""
    return sum(tokens[-2:]) % divisor == 0


@contextmanager
def held(vocabulary, setting):
    """Give what holds beams within the grammar that Hugging Face's were held in, if any."""
    grammars = Grammars(Grammar(vocabulary, NESTED)) if setting.get("is_nested") else None
    yield grammars
    if grammars:
        grammars.close()


def reason(prompt, tokens, setting):
    """Why an answer of Hugging Face's ends, which it does not say."""
    if tokens[-1] in setting.get("eos_token_id", [END]):
        return "stop"
    divisor = setting.get("stop_divisor")
    stopped = divisor is not None and last_pair([*prompt, *tokens], divisor)
    return "stop_sequence" if stopped else "length"


CHANGED = [case for case in EXPECTED["cases"] if "logprobs" in case["setting"]]
"""Cases in which Hugging Face told what each token adds to the score."""


def cases(**wanted):
    """Return the cases with settings as *wanted*, by their prompts and the rest."""
    return [case for case in EXPECTED["cases"] if wanted.items() <= case["setting"].items()]


def compare(tiny, wanted):
    for case in wanted:
        prompt, setting = list(case["prompt"].encode()), case["setting"]
        with held(tiny.vocabulary, setting) as grammars:
            found = tiny.follow(search(setting, prompt), prompt, grammars)

        assert [each.tokens for each in found] == [answer[0] for answer in case["answers"]], case
        assert [each.score for each in found] == pytest.approx(
            [answer[1] for answer in case["answers"]], abs=1e-4, rel=1e-5
        ), case
        assert all(each.reason == reason(prompt, each.tokens, setting) for each in found), case


def test_the_tiny_model_is_a_sound_file_below_a_megabyte():
    path = HERE / "tiny.gguf"
    _gguf.check(path)

    assert path.stat().st_size < 2**20


def test_the_tiny_model_has_a_token_for_each_byte(tiny):
    for prompt in EXPECTED["computed"]:
        assert list(prompt.encode()) == tiny.vocabulary.tokens([prompt], special=False)
    assert tiny.vocabulary.ends(END)
    assert tiny.vocabulary.piece(97) == b"a"


def test_llama_cpp_computes_what_torch_computes(tiny):
    for prompt, logits in EXPECTED["computed"].items():
        assert np.abs(tiny.read(list(prompt.encode()))[0] - np.array(logits)).max() < 1e-4


@pytest.mark.parametrize("early_stopping", [False, True, "never"])
@pytest.mark.parametrize("num_beams", [2, 3, 4, 5])
def test_beams_are_hugging_faces(tiny, num_beams, early_stopping):
    wanted = cases(num_beams=num_beams, num_return_sequences=num_beams, early_stopping=early_stopping)

    assert {-1, 0, 1, 2} <= {case["setting"].get("length_penalty", 1) for case in wanted}
    assert {1.0, 1.3} <= {case["setting"].get("repetition_penalty", 1) for case in wanted}
    assert len({len(tokens) for case in wanted for tokens, *_ in case["answers"]}) > 3
    compare(tiny, wanted)


def test_fewer_answers_than_beams_are_the_best_of_them(tiny):
    wanted = [
        case
        for case in EXPECTED["cases"]
        if case["setting"]["num_return_sequences"] < case["setting"]["num_beams"]
    ]

    assert wanted
    compare(tiny, wanted)


@pytest.mark.parametrize("max_tokens", [1, 2, 5])
def test_short_answers_are_hugging_faces(tiny, max_tokens):
    wanted = cases(max_new_tokens=max_tokens)

    assert wanted
    compare(tiny, wanted)


def test_no_end_or_several_are_hugging_faces(tiny):
    wanted = [case for case in EXPECTED["cases"] if "eos_token_id" in case["setting"]]

    assert {0, 2, 4} == {len(case["setting"]["eos_token_id"]) for case in wanted}
    compare(tiny, wanted)


def test_other_reasons_to_stop_are_hugging_faces(tiny):
    wanted = [case for case in EXPECTED["cases"] if "stop_divisor" in case["setting"]]

    assert {3, 7} == {case["setting"]["stop_divisor"] for case in wanted}
    compare(tiny, wanted)


@pytest.mark.parametrize("num_beams", [2, 4])
def test_drawn_beams_are_hugging_faces_with_the_same_random_numbers(tiny, num_beams):
    wanted = cases(num_beams=num_beams, do_sample=True)

    assert len({case["setting"]["seed"] for case in wanted}) > 6
    compare(tiny, wanted)


@pytest.mark.parametrize(
    "name", ["logit_bias", "repetition_penalty", "frequency_penalty", "presence_penalty", "is_nested"]
)
def test_what_changes_log_probabilities_changes_them_as_hugging_faces_processors_do(tiny, name):
    wanted = [case for case in CHANGED if name in case["setting"]]

    assert {2, 4} == {case["setting"]["num_beams"] for case in wanted}
    compare(tiny, wanted)


def test_changed_log_probabilities_are_drawn_from_as_hugging_face_does(tiny):
    wanted = [case for case in CHANGED if case["setting"].get("do_sample")]

    assert {True, None} == {case["setting"].get("is_nested") for case in wanted}
    compare(tiny, wanted)


def test_each_tokens_log_probability_is_hugging_faces_transition_score(tiny):
    for case in CHANGED:
        prompt, setting = list(case["prompt"].encode()), case["setting"]
        with held(tiny.vocabulary, setting) as grammars:
            found = tiny.follow(search(setting, prompt), prompt, grammars)
        for each, (_, _, scores, likeliest) in zip(found, case["answers"], strict=True):
            told = each.likelihoods

            assert [one.logprob for one in told] == pytest.approx(scores, abs=1e-3), case
            assert [[value for _, value in one.likeliest] for one in told] == [
                pytest.approx([value for _, value in place], abs=1e-3) for place in likeliest
            ], case
            assert each.score == pytest.approx(
                sum(one.logprob for one in told) / len(told) ** setting.get("length_penalty", 1), rel=1e-5
            ), case


def rows(*probabilities):
    """Return logits that say so."""
    with np.errstate(divide="ignore"):
        return np.log(np.array(probabilities, np.float32))


def texts(beams):
    return ["".join("abcdefgh"[token] for token in each.tokens) for each in beams.results()]


A, B, C, D = range(4)
ENDS = frozenset({D})


def test_all_can_end_at_once():
    beams = Beams(Search(beams=2, returned=2, max_tokens=9, stops=lambda tokens: True))

    assert beams.advance(rows([0.1, 0.2, 0.3, 0.4])) is None
    assert texts(beams) == ["d", "c"]
    assert [each.reason for each in beams.results()] == ["stop_sequence"] * 2
    assert [each.score for each in beams.results()] == pytest.approx(np.log([0.4, 0.3]).tolist())


def test_only_those_of_the_best_rank_may_end():
    beams = Beams(Search(beams=2, returned=2, max_tokens=2, ends=ENDS))
    step = beams.advance(rows([0.4, 0.35, 0.05, 0.2]))

    assert (step.parents, step.tokens) == ([0, 0], [A, B])  # The end is third: it is no answer.
    assert beams.advance(rows([0.9, 0.1, 0, 0], [0.5, 0.4, 0.1, 0])) is None
    assert texts(beams) == ["aa", "ba"]


@pytest.mark.parametrize(
    ("early_stopping", "length_penalty", "steps"),
    [(True, 1.0, 2), (False, 1.0, 2), (False, 8.0, 2), ("never", 8.0, 9), ("never", -1.0, 2)],
)
def test_when_to_stop_with_all_answers_found(early_stopping, length_penalty, steps):
    wanted = Search(
        beams=1, max_tokens=9, ends=ENDS, early_stopping=early_stopping, length_penalty=length_penalty
    )
    beams = Beams(wanted)
    taken = 1
    step = beams.advance(rows([0.5, 0.1, 0.1, 0.3]))
    while step is not None:
        step = beams.advance(rows([0.45, 0.02, 0.03, 0.5] if taken == 1 else [0.97, 0.01, 0.01, 0.01]))
        taken += 1

    assert taken == steps


def test_early_stopping_takes_the_first_answers_though_better_ones_may_come():
    def run(early_stopping):
        beams = Beams(Search(beams=1, max_tokens=3, ends=ENDS, early_stopping=early_stopping))
        chances = iter(([0.4, 0.1, 0.05, 0.45], [0.98, 0, 0.01, 0.01], [0.98, 0, 0.01, 0.01]))
        while beams.advance(rows(next(chances))):
            pass
        return texts(beams)

    assert run(early_stopping=True) == ["d"]
    assert run(early_stopping=False) == ["d"]  # What goes on is less likely than what ended.
    assert run(early_stopping="never") == ["aaa"]  # But by the length at which it may end, it is better.


def test_where_short_answers_are_preferred_a_beam_is_judged_by_its_present_length():
    wanted = Search(beams=2, returned=2, max_tokens=9, ends=ENDS, early_stopping="never", length_penalty=-1.0)
    beams = Beams(wanted)
    beams.advance(rows([0.4, 0.05, 0.05, 0.5]))
    step = beams.advance(rows([0.6, 0.05, 0.05, 0.3], [0.25, 0.25, 0.25, 0.25]))

    assert texts(beams) == ["d", "ad"]
    assert step.tokens[0] == A  # With nine tokens it would be worse than the answers found.


@pytest.mark.parametrize(("length_penalty", "first"), [(-1.0, "d"), (0.0, "d"), (1.0, "aa"), (3.0, "aa")])
def test_the_length_penalty_ranks_short_and_long_answers(length_penalty, first):
    beams = Beams(Search(beams=2, returned=2, max_tokens=2, ends=ENDS, length_penalty=length_penalty))
    beams.advance(rows([0.45, 0.05, 0.05, 0.45]))
    beams.advance(rows([0.9, 0.1, 0, 0], [0.9, 0.1, 0, 0]))

    assert texts(beams)[0] == first


def test_of_equal_continuations_the_first_goes_on():
    beams = Beams(Search(beams=2, max_tokens=9))

    assert beams.advance(rows([0.25] * 4)).tokens == [A, B]
    step = beams.advance(rows([0.25] * 4, [0.25] * 4))
    assert (step.parents, step.tokens) == ([0, 0], [A, B])


def test_a_step_leaves_the_logits_as_they_are():
    logits = rows([0.4, 0.3, 0.2, 0.1])
    before = logits.copy()
    changes = [Bias({A: 1.0}), Repetition(2.0, [A]), Occurrences(frequency=1.0, presence=1.0)]
    draws = Draws(1, temperature=0.5, top_k=2)
    fitting = np.array([[True, True, True, False]])
    Beams(Search(beams=2, max_tokens=9), processors=changes, draws=draws).advance(logits, fitting)

    assert (logits == before).all()


def test_the_repetition_penalty_counts_a_token_once():
    def run(prompt):
        beams = Beams(Search(beams=1, max_tokens=1), processors=[Repetition(2.0, prompt)])
        beams.advance(rows([0.5, 0.3, 0.1, 0.1]))
        return beams.results()

    assert run([A]) == run([A, A, A])
    assert run([A])[0].tokens == [B]


def test_a_penalty_takes_off_once_for_presence_and_each_time_for_frequency():
    row = np.zeros(4, np.float32)
    Occurrences(frequency=0.25, presence=1.0)(row, [B, C, B])
    Occurrences(frequency=0.25, presence=1.0)(row, [])

    assert row.tolist() == [0, -1.5, -1.25, 0]


def test_a_repetition_penalty_makes_less_likely_also_what_a_bias_put_above_zero():
    row = np.array([1, -1, 0.5, -np.inf], np.float32)
    Repetition(2.0, [A, B])(row, [D, B])

    assert row.tolist() == [0.5, -2, 0.5, -np.inf]


def test_beams_that_nothing_fits_end_however_they_are_drawn():
    draws = Draws(1, top_k=2, top_p=0.5, min_p=0.1, typical_p=0.5)
    beams = Beams(Search(beams=2, returned=2, max_tokens=9), draws=draws)
    beams.advance(rows([0.4, 0.3, 0.2, 0.1]), np.array([[True, True, False, False]]))
    step = beams.advance(rows(*[[0.25] * 4] * 2), np.array([[False] * 4, [False, True, False, True]]))

    assert step.parents == [1, 1]
    assert sorted(step.tokens) == [B, D]
    assert beams.advance(rows(*[[0.25] * 4] * 2), np.zeros((2, 4), bool)) is None
    assert beams.results() == []


def test_what_is_impossible_never_goes_on():
    beams = Beams(Search(beams=4, returned=4, max_tokens=2, ends=ENDS))
    step = beams.advance(rows([0.7, 0.3, 0, 0]))

    assert step.tokens == [A, B]
    assert beams.advance(rows([0, 1, 0, 0], [0, 0, 0, 1])) is None
    assert texts(beams) == ["ab", "bd"]
    assert [each.reason for each in beams.results()] == ["length", "stop"]


def test_filters_leave_beams_a_way_to_go_on():
    beams = Beams(Search(beams=2, max_tokens=9, ends=ENDS), draws=Draws(1, top_k=1))
    step = beams.advance(rows([0.1, 0.2, 0.01, 0.69]))

    assert step.tokens == [B]  # The end and one more are left.


def test_a_seed_draws_the_same_and_another_does_not():
    def run(seed):
        beams = Beams(Search(beams=3, max_tokens=20), draws=Draws(seed))
        step = beams.advance(rows([0.25] * 4))
        while step is not None:
            step = beams.advance(rows(*[[0.25] * 4] * len(step.tokens)))
        return texts(beams)

    assert run(1) == run(1)
    assert run(1) != run(2)


def test_draws_are_as_likely_as_they_should_be():
    chances = np.array([0.5, 0.3, 0.15, 0.05], np.float32)
    draws = Draws(1)
    found = np.bincount([best(draws.perturbed(np.log(chances)), 1)[0] for _ in range(4000)], minlength=4)

    assert np.abs(found / 4000 - chances).max() < 0.02


@given(st.integers(1, 2000), st.integers(1, 9), st.integers(1, 99), st.integers(0, 999))
def test_the_best_are_found_in_order(size, count, different, seed):
    values = np.random.default_rng(seed).integers(different, size=size).astype(np.float32)

    assert best(values, count).tolist() == np.argsort(-values, kind="stable")[:count].tolist()


@given(st.lists(st.integers(0, 7), max_size=8))
def test_beams_are_carried_on_with_the_fewest_copies(parents):
    former = max(parents, default=0) + 1
    memory = dict(enumerate(range(former)))
    copies = []

    def fork(source):
        copies.append(source)
        free = next(each for each in itertools.count() if each not in memory)
        memory[free] = memory[source]
        return free

    held = carried(parents, list(memory), fork=fork, forget=memory.pop)

    assert [memory[each] for each in held] == parents
    assert sorted(held) == sorted(memory)
    assert len(copies) == len(parents) - len(set(parents))
    assert len(memory) == len(parents)
