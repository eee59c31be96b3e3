"""Our accounts of a model's memory, held against themselves and against llama.cpp's."""

from collections import Counter

from asyncllm_llamacpp._native import llama


def check(context, *, running):
    """Let nothing be held but by the calls that are *running*, and by what is kept."""
    memory, size = context.memory, context.size
    placed = [strand for call in running for strand in call.strands if strand.sequence is not None]
    strands = [*placed, *memory.kept]
    numbers = {strand.sequence for strand in strands}
    assert len(numbers) == len(strands) <= size.sequences
    assert sorted([*memory._numbers, *numbers]) == list(range(size.sequences))
    holders = Counter(cell for strand in strands for cell in strand.cells)
    assert len(holders) == memory.cells.used <= size.cells
    assert len({cell for strand in placed for cell in strand.cells}) == memory.cells.needed
    assert all(holders[cell] == count for cell, count in enumerate(memory.cells._holders) if count)
    handle = llama.llama_get_memory(context.handle)
    for strand in strands:
        assert llama.llama_memory_seq_pos_max(handle, strand.sequence) == strand.read - 1
    for number in memory._numbers:
        assert llama.llama_memory_seq_pos_max(handle, number) == -1
