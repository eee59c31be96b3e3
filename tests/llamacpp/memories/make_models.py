"""
Write tiny models of other kinds of memory than attention's: random weights, tiny.gguf's vocabulary.

    uv venv /tmp/gguf
    uv pip install --python /tmp/gguf/bin/python gguf==0.19.0 numpy==2.4.6
    /tmp/gguf/bin/python tests/llamacpp/memories/make_models.py
"""

from pathlib import Path

import gguf
import numpy as np

HERE = Path(__file__).parent
VOCABULARY = HERE.parent / "beams" / "tiny.gguf"

SEED = 5
SIZE, END = 260, 257
HIDDEN, INNER, LAYERS, CONTEXT = 32, 64, 2, 2048
HEADS, KV_HEADS, HEAD = 4, 2, 8
STATE, KERNEL, RANK = 8, 4, 4
WINDOW = 16
"""So many tokens a sliding window sees: fewer than a test's prompts have."""
EPSILON = 1e-5

random = np.random.default_rng(SEED)


def normal(*shape, scale):
    return (random.standard_normal(shape, dtype=np.float32) * np.float32(scale)).astype(np.float32)


def ones(*shape):
    return np.ones(shape, np.float32)


def ends(*, final):
    """Return what a model begins and ends with; *final* is the name of its last norm."""
    last = normal(SIZE, HIDDEN, scale=0.6)
    last[END] *= np.float32(0.6)  # An answer may end, but rarely at once.
    return {
        "token_embd.weight": normal(SIZE, HIDDEN, scale=1),
        f"{final}.weight": ones(HIDDEN),
        "output.weight": last,
    }


def attention():
    return {
        "attn_q.weight": normal(HEADS * HEAD, HIDDEN, scale=0.4),
        "attn_k.weight": normal(KV_HEADS * HEAD, HIDDEN, scale=0.4),
        "attn_v.weight": normal(KV_HEADS * HEAD, HIDDEN, scale=0.4),
        "attn_output.weight": normal(HIDDEN, HEADS * HEAD, scale=0.4),
        "attn_q_norm.weight": ones(HEAD),
        "attn_k_norm.weight": ones(HEAD),
    }


def feed_forward():
    return {
        "ffn_norm.weight": ones(HIDDEN),
        "ffn_gate.weight": normal(INNER, HIDDEN, scale=0.2),
        "ffn_up.weight": normal(INNER, HIDDEN, scale=0.2),
        "ffn_down.weight": normal(HIDDEN, INNER, scale=0.2),
    }


def layered(*layers):
    """Return the weights of all *layers*, each of which has a norm before it."""
    named = [{"attn_norm.weight": ones(HIDDEN), **layer} for layer in layers]
    return {f"blk.{at}.{name}": weight for at, layer in enumerate(named) for name, weight in layer.items()}


def mamba(writer):
    """A recurrent model: one state for all that was read."""
    writer.add_ssm_conv_kernel(KERNEL)
    writer.add_ssm_inner_size(INNER)
    writer.add_ssm_state_size(STATE)
    writer.add_ssm_time_step_rank(RANK)
    writer.add_head_count(0)

    def layer():
        return {
            "ssm_in.weight": normal(2 * INNER, HIDDEN, scale=0.3),
            "ssm_conv1d.weight": normal(INNER, KERNEL, scale=0.5),
            "ssm_conv1d.bias": normal(INNER, scale=0.1),
            "ssm_x.weight": normal(RANK + 2 * STATE, INNER, scale=0.3),
            "ssm_dt.weight": normal(INNER, RANK, scale=0.3),
            "ssm_dt.bias": normal(INNER, scale=0.1),
            "ssm_a": -random.uniform(0.02, 0.3, (INNER, STATE)).astype(np.float32),  # It forgets slowly.
            "ssm_d": ones(INNER),
            "ssm_out.weight": normal(HIDDEN, INNER, scale=0.3),
        }

    return ends(final="output_norm") | layered(*(layer() for _ in range(LAYERS)))


def lfm2(writer):
    """A hybrid: a layer with a state, and one with attention."""
    writer.add_shortconv_l_cache(KERNEL)
    writer.add_vocab_size(SIZE)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv([0, KV_HEADS])
    writer.add_rope_freq_base(10000.0)
    state = {
        "shortconv.conv.weight": normal(HIDDEN, KERNEL, scale=0.6),
        "shortconv.in_proj.weight": normal(3 * HIDDEN, HIDDEN, scale=0.3),
        "shortconv.out_proj.weight": normal(HIDDEN, HIDDEN, scale=0.4),
    }
    return ends(final="token_embd_norm") | layered(state | feed_forward(), attention() | feed_forward())


def gemma3(writer):
    """A model with a sliding window in one layer, and attention to all in the other."""
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_key_length(HEAD)
    writer.add_value_length(HEAD)
    writer.add_rope_freq_base(10000.0)
    writer.add_sliding_window(WINDOW)
    writer.add_sliding_window_pattern([True, False])

    def layer():
        posts = {f"post_{name}.weight": 2 * ones(HIDDEN) for name in ("attention_norm", "ffw_norm")}
        return attention() | feed_forward() | posts

    return ends(final="output_norm") | layered(*(layer() for _ in range(LAYERS)))


def write(make):
    """Write the model that *make* makes; its architecture has the same name."""
    architecture = make.__name__
    writer = gguf.GGUFWriter(HERE / f"{architecture}.gguf", architecture)
    writer.add_name(f"tiny {architecture}")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_layer_norm_rms_eps(EPSILON)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    for name, field in gguf.GGUFReader(VOCABULARY).fields.items():
        if name.startswith("tokenizer."):
            kind, *each = field.types
            writer.add_key_value(name, field.contents(), kind, sub_type=each[0] if each else None)
    for name, weight in make(writer).items():
        writer.add_tensor(name, weight)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    for each in (mamba, lfm2, gemma3):
        write(each)
