"""
Write the tiny model, and what Hugging Face's ``generate`` and its warpers make of it.

Run it where torch is, in an environment of its own (the suite itself reads only what is written here):

    uv venv /tmp/hf
    uv pip install --python /tmp/hf/bin/python torch==2.13.0 transformers==5.23.0 gguf==0.19.0 numpy==2.4.6
    /tmp/hf/bin/python tests/llamacpp/beams/make_expected.py

A CPU build of torch is enough. Besides tiny.gguf and expected.json, ``--keep DIRECTORY``
leaves the model there as safetensors too.
"""

import argparse
import collections
import itertools
import json
import math
import tempfile
from pathlib import Path

import gguf
import numpy as np
import torch
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    LogitsProcessor,
    LogitsProcessorList,
    StoppingCriteria,
    StoppingCriteriaList,
)
from transformers.generation import logits_process

HERE = Path(__file__).parent

SEED = 20
BEGIN, END, PAD, UNUSED = range(256, 260)
SPECIALS = ("<|begin|>", "<|end|>", "<|pad|>", "<|unused|>")
SIZE = 256 + len(SPECIALS)
HIDDEN, LAYERS, HEADS, KV_HEADS, INNER, CONTEXT = 64, 2, 4, 2, 128, 2048
HEAD = HIDDEN // HEADS
READABLE = range(0x20, 0x7F)
EPSILON, THETA = 1e-5, 10000.0

SHARED = 1.5
"""How much of one direction all has in common: along it, a row of the last matrix is a bias."""
BIASES = {END: 4.0, **{byte: -4.0 for byte in range(256) if byte not in READABLE}}
"""Answers end often, at various lengths, and are text."""
BIASES |= dict.fromkeys((BEGIN, PAD, UNUSED), -4.0)

PROMPTS = ("hello", "The tiny model says: ", "a", "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, ")
MAX_TOKENS = 20
TREMOR = 5e-4
"""A case stays where logits that differ by so much give the same answers: machines round differently."""
QUAKE = 3e-2
"""A case is sturdy where this is so of more than what a cache in F16 makes of them."""


def weights():
    """Return the model's weights, by Hugging Face's names."""
    random = np.random.default_rng(SEED)

    def normal(*shape, scale):
        return (random.standard_normal(shape, dtype=np.float32) * np.float32(scale)).astype(np.float32)

    common = np.ones(HIDDEN, np.float32) / np.float32(np.sqrt(HIDDEN))

    def blind(*shape, scale):
        """Make a matrix that does not see what all have in common."""
        matrix = normal(*shape, scale=scale)
        return matrix - np.outer(matrix @ common, common)

    def across(*shape, scale):
        """Make a matrix that adds nothing to what all have in common."""
        matrix = normal(*shape, scale=scale)
        return matrix - np.outer(common, common @ matrix)

    made = {"model.embed_tokens.weight": normal(SIZE, HIDDEN, scale=1 / 8) + SHARED * common}
    for layer in range(LAYERS):
        at = f"model.layers.{layer}."
        made |= {
            at + "self_attn.q_proj.weight": blind(HIDDEN, HIDDEN, scale=0.35),
            at + "self_attn.k_proj.weight": blind(KV_HEADS * HEAD, HIDDEN, scale=0.35),
            at + "self_attn.v_proj.weight": blind(KV_HEADS * HEAD, HIDDEN, scale=0.15),
            at + "self_attn.o_proj.weight": across(HIDDEN, HIDDEN, scale=0.15),
            at + "mlp.gate_proj.weight": blind(INNER, HIDDEN, scale=0.15),
            at + "mlp.up_proj.weight": blind(INNER, HIDDEN, scale=0.15),
            at + "mlp.down_proj.weight": across(HIDDEN, INNER, scale=0.05),
            at + "input_layernorm.weight": 1 + normal(HIDDEN, scale=0.1),
            at + "post_attention_layernorm.weight": 1 + normal(HIDDEN, scale=0.1),
        }
    last = blind(SIZE, HIDDEN, scale=0.3)
    last[END] *= np.float32(0.6)  # An answer may end at any place.
    for token, bias in BIASES.items():
        last[token] += np.float32(bias) * common
    made |= {"model.norm.weight": np.ones(HIDDEN, np.float32), "lm_head.weight": last}
    return {name: np.ascontiguousarray(weight, np.float32) for name, weight in made.items()}


def write_safetensors(made, directory):
    config = LlamaConfig(
        vocab_size=SIZE,
        hidden_size=HIDDEN,
        intermediate_size=INNER,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=KV_HEADS,
        head_dim=HEAD,
        max_position_embeddings=CONTEXT,
        rms_norm_eps=EPSILON,
        rope_theta=THETA,
        tie_word_embeddings=False,
        bos_token_id=BEGIN,
        eos_token_id=END,
        pad_token_id=PAD,
    )
    model = LlamaForCausalLM(config)
    model.load_state_dict({name: torch.from_numpy(weight) for name, weight in made.items()})
    model.save_pretrained(directory)


NAMES = {
    "self_attn.q_proj":         "attn_q",
    "self_attn.k_proj":         "attn_k",
    "self_attn.v_proj":         "attn_v",
    "self_attn.o_proj":         "attn_output",
    "mlp.gate_proj":            "ffn_gate",
    "mlp.up_proj":              "ffn_up",
    "mlp.down_proj":            "ffn_down",
    "input_layernorm":          "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}  # fmt: skip


def write_gguf(made, path):
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_rope_dimension_count(HEAD)
    writer.add_rope_freq_base(THETA)
    writer.add_layer_norm_rms_eps(EPSILON)
    writer.add_vocab_size(SIZE)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    # A token for each byte, by its number: what a text's tokens are is then plain.
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([*letters(), *SPECIALS])
    writer.add_token_types([gguf.TokenType.NORMAL] * 256 + [gguf.TokenType.CONTROL] * len(SPECIALS))
    # There has to be one; two zero bytes still stay two, for want of a token for both.
    writer.add_token_merges(["\u0100 \u0100"])
    writer.add_bos_token_id(BEGIN)
    writer.add_eos_token_id(END)
    writer.add_pad_token_id(PAD)
    writer.add_add_bos_token(False)

    writer.add_tensor("token_embd.weight", made["model.embed_tokens.weight"])
    writer.add_tensor("output_norm.weight", made["model.norm.weight"])
    writer.add_tensor("output.weight", made["lm_head.weight"])
    for layer in range(LAYERS):
        for theirs, name in NAMES.items():
            weight = made[f"model.layers.{layer}.{theirs}.weight"]
            heads = {"attn_q": HEADS, "attn_k": KV_HEADS}.get(name)
            weight = weight if heads is None else turned(weight, heads)
            writer.add_tensor(f"blk.{layer}.{name}.weight", weight)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def letters():
    """Return the letter that stands for each byte in GPT-2's vocabularies."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = itertools.count(0x100)
    return [chr(byte if byte in plain else next(others)) for byte in range(256)]


def turned(weight, heads):
    """Put the rows in llama.cpp's order: it turns neighbours by position, the other halves of a head."""
    rows, columns = weight.shape
    halves = weight.reshape(heads, 2, rows // heads // 2, columns)
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(rows, columns))


class LastPair(StoppingCriteria):
    """Stop where the last two tokens add up to a multiple of *divisor*: stands for a stop string."""

    def __init__(self, divisor):
        self.divisor = divisor

    def __call__(self, input_ids, scores, **kwargs):
        return (input_ids[:, -1] + input_ids[:, -2]) % self.divisor == 0


class Occurrences(LogitsProcessor):
    """OpenAI's penalties, by its formula: Hugging Face has none of them. They see the answer alone."""

    def __init__(self, start, frequency, presence):
        self.start, self.frequency, self.presence = start, frequency, presence

    def __call__(self, input_ids, scores):
        penalized = scores.clone()
        for row, tokens in zip(penalized, input_ids.tolist(), strict=True):
            for token, count in collections.Counter(tokens[self.start :]).items():
                row[token] -= count * self.frequency + (count > 0) * self.presence
        return penalized


def nested(start):
    """Return what allows some letters, and brackets around such: searches.NESTED, as a function."""

    def allowed(_, tokens):
        answer = bytes(tokens[start:].tolist())
        depth = answer.count(b"(") - answer.count(b")")
        found = list(b"abcdefgh(")
        if answer and not answer.endswith(b"("):
            found.append(ord(")") if depth else END)
        return found

    return allowed


def settings():
    """Yield the settings to try: a full grid of the greedy ones, and some of each other kind."""
    grid = itertools.product((2, 3, 4, 5), (-1.0, 0.0, 1.0, 2.0), (False, True, "never"), (1.0, 1.3))
    for beams, length, early, repetition in grid:
        yield {
            "num_beams": beams,
            "length_penalty": length,
            "early_stopping": early,
            "num_return_sequences": beams,
            "repetition_penalty": repetition,
        }
    for beams, returned, length in itertools.product((2, 4), (1, 2), (0.0, 1.0)):
        yield {"num_beams": beams, "num_return_sequences": returned, "length_penalty": length}
    for tokens, early in itertools.product((1, 2, 5), (False, "never")):
        yield {"num_beams": 3, "num_return_sequences": 3, "max_new_tokens": tokens, "early_stopping": early}
    for ends, early in itertools.product(([], [END, 101], [END, 32, 101, 116]), (False, True, "never")):
        yield {"num_beams": 3, "num_return_sequences": 3, "eos_token_id": ends, "early_stopping": early}
    for divisor, early in itertools.product((3, 7), (False, True, "never")):
        yield {"num_beams": 4, "num_return_sequences": 4, "stop_divisor": divisor, "early_stopping": early}
    for seed, (beams, warped) in enumerate(itertools.product((2, 4), WARPED)):
        yield {"num_beams": beams, "num_return_sequences": beams, "do_sample": True, "seed": seed, **warped}
    for changed, (beams, told) in itertools.product(CHANGED, ((2, 3), (4, 0))):
        yield {"num_beams": beams, "num_return_sequences": beams, "logprobs": told, **changed}


DRAWN = {"do_sample": True, "temperature": 1.2, "top_k": 4, "top_p": 0.9, "min_p": 0.02, "typical_p": 0.95}
BIASED = {"logit_bias": {"97": 2.5, "101": -4.0, "32": 0.75}}
CHANGED = [
    {},
    {"repetition_penalty": 1.3, "length_penalty": 2.0},
    BIASED,
    {**BIASED, "repetition_penalty": 1.3},
    {"logit_bias": {"98": 9.0}, "repetition_penalty": 1.5, "early_stopping": True},
    {"frequency_penalty": 0.7},
    {"presence_penalty": 1.0},
    {"frequency_penalty": -0.4, "presence_penalty": 0.9, "early_stopping": "never"},
    {"frequency_penalty": 0.7, "repetition_penalty": 1.2, **BIASED},
    {"is_nested": True},
    {"is_nested": True, "length_penalty": 0.0, "early_stopping": True},
    {"is_nested": True, "length_penalty": 2.0, "early_stopping": "never", "max_new_tokens": 9},
    {"is_nested": True, "frequency_penalty": 1.0, "repetition_penalty": 1.2, "logit_bias": {"40": 3.0}},
    {**DRAWN, "seed": 100, **BIASED, "frequency_penalty": 0.5},
    {**DRAWN, "seed": 101, "is_nested": True},
    {**DRAWN, "seed": 102, "is_nested": True, "presence_penalty": 0.8, "logit_bias": {"41": 2.0}},
]
"""What changes the log probabilities; each token's is told."""


NEUTRAL = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "typical_p": 1.0}
WARPED = [
    NEUTRAL | each
    for each in (
        {},
        {"temperature": 0.5},
        {"temperature": 2.0, "top_k": 5},
        {"top_k": 1},
        {"top_p": 0.4},
        {"top_p": 0.9, "temperature": 1.5},
        {"min_p": 0.1},
        {"min_p": 0.5, "temperature": 3.0},
        {"typical_p": 0.3},
        {"typical_p": 0.9, "temperature": 0.7},
        {"temperature": 0.8, "top_k": 40, "top_p": 0.95, "min_p": 0.05, "repetition_penalty": 1.2},
        {"temperature": 1.3, "top_k": 20, "top_p": 0.8, "min_p": 0.1, "typical_p": 0.8},
    )
]


def drawn_by_numpy(seed):
    """
    Return a stand-in for torch.multinomial that draws as torch does on the CPU, with numpy's numbers.

    torch divides each probability by a number from an exponential distribution and takes the largest:
    with the same numbers, two programs draw the same. What cannot be drawn gets no number.
    """
    random = np.random.default_rng(seed)

    def multinomial(probabilities, num_samples, **_):
        possible = probabilities > 0
        numbers = random.standard_exponential(int(possible.sum()), dtype=np.float32)
        divided = torch.zeros_like(probabilities)
        divided[possible] = probabilities[possible] / torch.from_numpy(numbers)
        return torch.topk(divided, num_samples).indices

    return multinomial


def answers(model, prompt, setting):
    """Return what ``generate`` answers: each sequence's tokens and score, and what each token adds to it."""
    options = {"max_new_tokens": MAX_TOKENS, "do_sample": False, "eos_token_id": [END], **setting}
    seed, divisor = options.pop("seed", 0), options.pop("stop_divisor", None)
    options["eos_token_id"] = options["eos_token_id"] or None
    criteria = StoppingCriteriaList([LastPair(divisor)] if divisor else [])
    start, told = len(prompt), options.pop("logprobs", None)
    occurrences = options.pop("frequency_penalty", 0.0), options.pop("presence_penalty", 0.0)
    processors = LogitsProcessorList([Occurrences(start, *occurrences)] if any(occurrences) else [])
    if biases := options.pop("logit_bias", None):
        options["sequence_bias"] = {(int(token),): bias for token, bias in biases.items()}
    if options.pop("is_nested", False):
        options["prefix_allowed_tokens_fn"] = nested(start)
    if not options["do_sample"]:
        options |= {"top_k": None, "top_p": None, "temperature": None}
    torch_multinomial, torch.multinomial = torch.multinomial, drawn_by_numpy(seed)
    try:
        found = model.generate(
            torch.tensor([list(prompt.encode())]),
            pad_token_id=PAD,
            stopping_criteria=criteria,
            logits_processor=processors,
            return_dict_in_generate=True,
            output_scores=True,
            **options,
        )
    finally:
        torch.multinomial = torch_multinomial
    lengths = (found.beam_indices >= 0).sum(dim=1).tolist()
    rows = found.sequences[:, start:].tolist()
    scores = found.sequences_scores.tolist()
    answered = [[row[:length], score] for row, length, score in zip(rows, lengths, scores, strict=True)]
    if told is None:
        return answered

    steps = model.compute_transition_scores(found.sequences, found.scores, found.beam_indices).tolist()
    return [
        [*answer, step[:length], likeliest(found.scores, beams[:length], told)]
        for answer, step, beams, length in zip(
            answered, steps, found.beam_indices.tolist(), lengths, strict=True
        )
    ]


def likeliest(scores, beams, count):
    """Return the *count* likeliest possible tokens in each place, and their scores."""
    best = [step[beam].topk(count) for step, beam in zip(scores, beams, strict=False)]
    return [
        [
            [token, score]
            for token, score in zip(each.indices.tolist(), each.values.tolist(), strict=True)
            if score > -math.inf
        ]
        for each in best
    ]


def withstands(model, prompt, setting, wanted, size):
    """Return whether the answers are those *wanted* also with logits that differ by *size*."""
    for seed in range(3):
        torch.manual_seed(seed)
        hook = model.lm_head.register_forward_hook(
            lambda _module, _given, made: made + size * torch.randn_like(made)
        )
        try:
            found = answers(model, prompt, setting)
        finally:
            hook.remove()
        if [answer[0] for answer in found] != [answer[0] for answer in wanted]:
            return False

    return True


def filtered():
    """Return logits, and what Hugging Face's warpers make of them with each setting."""
    random = np.random.default_rng(SEED)
    vectors = [random.standard_normal(48, dtype=np.float32) * np.float32(scale) for scale in (0.5, 2, 6)]
    tried = [*WARPED, NEUTRAL | {"repetition_penalty": 1.3}]
    cases = []
    for (at, logits), setting in itertools.product(enumerate(vectors), tried):
        seen = sorted(random.choice(48, 8, replace=False).tolist())
        scores = torch.from_numpy(logits)[None]
        for process in warpers(setting):
            scores = process(torch.tensor([seen]), scores)
        probabilities = torch.softmax(scores, dim=-1)[0].tolist()
        cases.append({"logits": at, "seen": seen, "setting": setting, "probabilities": probabilities})
    return {"logits": [vector.tolist() for vector in vectors], "cases": cases}


def warpers(setting):
    """Return the processors of ``generate`` for *setting*, in its order."""
    if (repetition := setting.get("repetition_penalty", 1.0)) != 1:
        yield logits_process.RepetitionPenaltyLogitsProcessor(repetition)
    yield logits_process.TemperatureLogitsWarper(setting["temperature"])
    if setting["top_k"]:
        yield logits_process.TopKLogitsWarper(setting["top_k"])
    if setting["top_p"] < 1:
        yield logits_process.TopPLogitsWarper(setting["top_p"])
    yield logits_process.MinPLogitsWarper(setting["min_p"])
    if setting["typical_p"] < 1:
        yield logits_process.TypicalLogitsWarper(setting["typical_p"])


def computed(model, prompt):
    """Return the logits of *prompt*'s last token."""
    with torch.no_grad():
        return model(torch.tensor([list(prompt.encode())])).logits[0, -1].tolist()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path)
    directory = parser.parse_args().keep or Path(tempfile.mkdtemp())
    torch.set_num_threads(1)
    made = weights()
    write_safetensors(made, directory)
    write_gguf(made, HERE / "tiny.gguf")
    model = LlamaForCausalLM.from_pretrained(directory, dtype=torch.float32).eval()

    cases, dropped = [], 0
    for prompt, setting in itertools.product(PROMPTS, settings()):
        wanted = answers(model, prompt, setting)
        if withstands(model, prompt, setting, wanted, TREMOR):
            sturdy = withstands(model, prompt, setting, wanted, QUAKE)
            cases.append({"prompt": prompt, "setting": setting, "sturdy": sturdy, "answers": wanted})
        else:
            dropped += 1
    expected = {
        "computed": {prompt: computed(model, prompt) for prompt in PROMPTS},
        "cases": cases,
        "filters": filtered(),
    }
    (HERE / "expected.json").write_text(compact(expected))
    sturdy = sum(case["sturdy"] for case in cases)
    print(f"{len(cases)} cases, {sturdy} sturdy; {dropped} left out, in which the last bits decide")  # noqa: T201


def compact(expected):
    """Numbers to single precision, and a line for each case."""

    def rounded(value):
        if isinstance(value, float):
            return float(f"{value:.7g}")
        if isinstance(value, list):
            return [rounded(each) for each in value]
        return {key: rounded(each) for key, each in value.items()} if isinstance(value, dict) else value

    text = json.dumps(rounded(expected), separators=(",", ":"))
    return text.replace('{"prompt":', '\n{"prompt":').replace('{"logits":', '\n{"logits":') + "\n"


if __name__ == "__main__":
    main()
