"""Ask for every row of a dataset, as on a cluster: here on this machine, with the model in an actor."""

# pyright: basic
# (Ray does not say all of its types.)
import ray
import ray.data

from asyncllm import LLM
from asyncllm.batch.ray import ask

ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
ray.data.DataContext.get_current().enable_progress_bars = False

countries = ray.data.from_items([{"country": name} for name in ("France", "Japan", "Kenya", "Peru")])
tasks = countries.map(
    lambda row: {**row, "prompt": f"What is the capital of {row['country']}? Answer with one word."}
)
answers = ask(tasks, LLM(max_tokens=12, temperature=0), max_concurrency=4, batch_size=4)

for row in answers.take_all():
    print(row["country"], row["answer"] or row["answer_error"], row["answer_output_tokens"], sep=" | ")
ray.shutdown()
