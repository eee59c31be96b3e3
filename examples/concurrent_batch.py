"""Ask many things at once, and keep what succeeds."""

import anyio

from asyncllm import LLM, LLMError

COUNTRIES = ["France", "Japan", "Kenya", "Peru"]


async def main() -> None:
    async with LLM(max_tokens=12, temperature=0) as llm:
        tasks = [f"What is the capital of {country}? Answer with one word." for country in COUNTRIES]
        tasks.append("")  # Nothing to ask: this one fails, and the others do not mind.
        answers = await llm.abatch_run(tasks, max_concurrency=8, return_errors=True)

    for task, answer in zip(tasks, answers, strict=True):
        print(f"{task!r}: {answer!r}" if isinstance(answer, LLMError) else f"{task} {answer}")


anyio.run(main)
