"""Take an answer as it comes, and leave when there is enough. Runs on asyncio; --trio for trio."""

import sys

import anyio

from asyncllm import LLM


async def main() -> None:
    async with LLM(max_tokens=200, temperature=0) as llm:
        async with llm.astream("Tell me a story about a lighthouse.") as stream:
            async for piece in stream:
                print(piece, end="", flush=True)
                if len(stream.text) > 200:
                    break  # Leaving the block ends the answer on the provider's side too.

        print(f"\n-- {stream.response.finish_reason} after {len(stream.text)} characters")


anyio.run(main, backend="trio" if "--trio" in sys.argv else "asyncio")
