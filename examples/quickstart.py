"""Ask a model once, from synchronous code. Try: uv run examples/quickstart.py openai:gpt-4.1"""

import sys

from asyncllm import LLM

# Without a name: the environment's ASYNCLLM_MODEL, or the small model of the demo extra.
with LLM(sys.argv[1] if len(sys.argv) > 1 else None, max_tokens=60, temperature=0) as llm:
    print(llm.run("Name three primary colours."))

    # The same call, with all that is known of the answer.
    response = llm.generate("Name three primary colours.", stop_token="\n", seed=7)
    print(response.finish_reason, response.usage)
    for adjustment in response.adjustments:
        print("not quite as asked:", adjustment)
