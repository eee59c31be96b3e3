"""Follow each grammar of standard input as far as 20 tokens, in a process that may be ended."""

import sys

import numpy as np
from alone import TINY

from asyncllm import InvalidParameter
from asyncllm_llamacpp._grammar import Grammar
from asyncllm_llamacpp._model import loaded
from asyncllm_llamacpp._settings import Settings


def follow(vocabulary, text):
    try:
        grammar = Grammar(vocabulary, text)
    except InvalidParameter:  # llama.cpp takes for left recursion what is none, too.
        return
    random = np.random.default_rng(1)
    for _ in range(20):
        going = [token for token in grammar.fitting().tolist() if not vocabulary.ends(token)]
        if not going:
            break
        grammar.accept(int(random.choice(going)))
    grammar.close()


with loaded(TINY, Settings(threads=1, context_size=96), keep_going=lambda: True) as model:
    for each in sys.stdin.buffer.read().decode().split("\0"):
        follow(model.vocabulary, each)
        sys.stdout.write("followed\n")
        sys.stdout.flush()
