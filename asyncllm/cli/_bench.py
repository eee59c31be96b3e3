"""``asyncllm bench``: how fast a model answers, one call and several at a time."""

from __future__ import annotations

import json
import secrets as chance
import sys
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from typing import Annotated, Any

import anyio
import typer

from asyncllm._bounded import CONCURRENCY
from asyncllm._kinds import Whole
from asyncllm._llm import LLM
from asyncllm._registry import find
from asyncllm._vocabulary import Parameter
from asyncllm.errors import InvalidParameter

from ._bench_calls import Round, at_once, timed
from ._bench_figures import Figures, figures, medians
from ._model_options import Debug, Like, Policy, Setting, Strict, chosen
from ._options import with_parameters
from ._outcomes import explained, keys_in

ROUNDS = Parameter(Whole(low=1), "Ask as often as this.", "rounds")
MAX_TOKENS = 64
"""How long answers get where the caller does not say."""
PROMPT = "Tell a long story about a lighthouse keeper, her boat, and the storm that she did not see coming."
LETTERS = 4
"""A token is about so many letters."""
COLUMNS = ("at once", "tokens/s", "lowest", "highest", "first p50", "first p95", "slowest", "fairness")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is asked, and how often."""

    prompt: str
    at_once: tuple[int, ...]
    rounds: int

    @property
    def calls(self) -> int:
        """How many calls there are, with the one that opens everything."""
        return 1 + self.rounds * sum(self.at_once)


@with_parameters
def bench(
    model: Annotated[
        str | None, typer.Argument(help="As in llamacpp:model.gguf; else that of asyncllm run.")
    ] = None,
    *,
    concurrency: Annotated[
        str,
        typer.Option(metavar="N,N,…", help="How many calls at a time; several numbers, one by one."),
    ] = "1,4,8",
    rounds: Annotated[str, typer.Option(metavar="N", help="Of how many rounds to print the median.")] = "3",
    prompt: Annotated[
        str, typer.Option(help="What to ask; a number before it makes each call a new one.")
    ] = PROMPT,
    strict: Strict = False,
    policy: Policy = None,
    like: Like = None,
    setting: Setting = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the times of every call, as JSON.")] = False,
    debug: Debug = False,
    **given: Any,
) -> None:
    """
    Measure how fast a model answers: tokens a second, the time to the first token, and fairness.

    Calls that run at a time begin at the same moment. "slowest" is by how much the slowest of them took
    longer than the quickest, and "fairness" Jain's index of their rates: 1 is as fair as can be.
    """
    with explained(debug=debug, keys=keys_in(setting)):
        plan = Plan(prompt=prompt, at_once=_numbers(concurrency), rounds=_number(ROUNDS, "--rounds", rounds))
        if given.get("max_tokens") is None:
            given["max_tokens"] = str(MAX_TOKENS)
        llm = chosen(model, strict=strict, policy=policy, like=like, setting=setting, given=given)
        if not getattr(find(model, None).maker, "in_process", False):
            _warn(llm, plan)
        laps = anyio.run(_measure, llm, plan)
        if as_json:
            sys.stdout.write(json.dumps(_facts(llm, plan, laps), indent=2) + "\n")
        else:
            from . import _print

            _print.table(COLUMNS, (_row(number, each) for number, each in laps.items()))


async def _measure(llm: LLM, plan: Plan) -> dict[int, list[Round]]:
    """Ask, after one call that opens what calls need: connections, a local model."""
    ask = partial(timed, llm)
    laps: dict[int, list[Round]] = {number: [] for number in plan.at_once}
    with _progress() as say:
        async with llm:
            say("the first call")
            await at_once(ask, _tasks(plan, 1))
            for lap in range(plan.rounds):
                for number in plan.at_once:
                    say(f"round {lap + 1} of {plan.rounds}, {number} at once")
                    laps[number].append(await at_once(ask, _tasks(plan, number)))
    return laps


def _tasks(plan: Plan, number: int) -> list[str]:
    """Return so many tasks, none of which any cache can know."""
    return [f"{chance.token_hex(4)}. {plan.prompt}" for _ in range(number)]


@contextmanager
def _progress() -> Generator[Callable[[str], None]]:
    """Give what tells somebody who looks how far it is."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return

    with console.status("") as status:
        yield status.update


def _warn(llm: LLM, plan: Plan) -> None:
    from . import _print

    longest = llm.parameters.get("max_tokens") or MAX_TOKENS
    asked = plan.calls * (len(plan.prompt) // LETTERS + 1)
    told = (
        f"{plan.calls:,} calls go to {llm.model_name}, with about {asked:,} tokens of prompts and up to "
        f"{plan.calls * longest:,} of answers: where it is not your own server, that costs money"
    )
    _print.note("note", told, style="yellow")


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(dict.fromkeys(_number(CONCURRENCY, "--concurrency", each) for each in text.split(",")))


def _number(parameter: Parameter, name: str, text: str) -> int:
    try:
        number: int = parameter.check(name, int(text))
    except ValueError:
        raise InvalidParameter(f"{name} takes {parameter.kind}; got {text!r}") from None
    return number


def _row(number: int, laps: Sequence[Round]) -> tuple[str, ...]:
    told = medians(laps)
    return (str(number), *_rates(told, laps), *_times(told), f"{told.slowest:.2f}", f"{told.fairness:.3f}")


def _rates(told: Figures, laps: Sequence[Round]) -> Iterator[str]:
    """Yield the median rate, the lowest and the highest."""
    rates = [rate for lap in laps if (rate := figures(lap).tokens_per_second) is not None]
    known = (told.tokens_per_second, min(rates, default=None), max(rates, default=None))
    yield from ("unknown" if rate is None else f"{rate:,.1f}" for rate in known)


def _times(told: Figures) -> Iterator[str]:
    yield from (f"{seconds:.3f} s" for seconds in (told.first_p50, told.first_p95))


def _facts(llm: LLM, plan: Plan, laps: Mapping[int, Sequence[Round]]) -> dict[str, Any]:
    return {
        "model": llm.model_name,
        "max_tokens": llm.parameters["max_tokens"],
        "rounds": plan.rounds,
        "concurrency": [
            {"at_once": number, "median": asdict(medians(each)), "rounds": [asdict(lap) for lap in each]}
            for number, each in laps.items()
        ],
    }
