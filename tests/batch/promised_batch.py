"""A batch with a journal, run in a process of its own that may be killed."""

import os

import anyio

from asyncllm import LLM, Task


def run(url, journal, taken, number):
    """Ask *number* tasks; add the key of each result that was taken to the file *taken*, at once."""
    with open(taken, "ab", buffering=0) as file:  # noqa: PTH123 - unbuffered: what is told is there
        anyio.run(_run, url, journal, file, number)


async def _run(url, journal, file, number):
    tasks = (Task(f"say {index}", key=f"key-{index}") for index in range(number))
    async with (
        LLM("openai:gpt-4.1", base_url=f"{url}/v1", api_key="k") as llm,
        llm.abatch(tasks, journal=journal, max_concurrency=16) as results,
    ):
        async for result in results:
            assert result.text == f"SAY {result.key.removeprefix('key-')}"
            os.write(file.fileno(), f"{result.key}\n".encode())
