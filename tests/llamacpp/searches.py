"""What Hugging Face was asked to search for in the tiny model, and found."""

import json
from pathlib import Path

END = 257
NESTED = 'root ::= item+\nitem ::= [a-h] | "(" item+ ")"'
"""What Hugging Face was told to hold to where a setting ``is_nested``."""
CASES = json.loads((Path(__file__).parent / "beams" / "expected.json").read_text())["cases"]


def asked(setting):
    """Return a call's parameters for what Hugging Face was asked; None where they cannot be said."""
    given = dict(setting)
    ends = set(given.pop("eos_token_id", [END]))
    if "stop_divisor" in given or END not in ends:
        return None
    own = {"typical_p": given.pop("typical_p")} if "typical_p" in given else {}
    if given.pop("is_nested", False):
        own["grammar"] = NESTED
    if biases := given.pop("logit_bias", None):
        given["logit_bias"] = {int(token): bias for token, bias in biases.items()}
    return {
        "max_tokens": given.pop("max_new_tokens", 20),
        "eos_token_id": sorted(ends - {END}) or None,
        "provider_options": {"llamacpp": own} if own else None,
        **given,
    }


def options(given):
    """Return a call's parameters as a provider is given them."""
    return {name: value for name, value in given.items() if value is not None}


def told(answers, ends):
    """Return texts and ends of the answers that are these tokens."""
    return [
        (
            bytes(token for token in tokens if token < 256 and token not in ends).decode(errors="replace"),
            "stop" if tokens[-1] in ends else "length",
        )
        for tokens, *_ in answers
    ]


STURDY = [(case, given) for case in CASES if case["sturdy"] and (given := asked(case["setting"])) is not None]
"""Those that do not hang on the third digit of the logits, in which the engine differs from torch."""


def search(prompt, **setting):
    """Return a sturdy case as asked for."""
    return next(
        (case, given)
        for case, given in STURDY
        if case["prompt"] == prompt and setting.items() <= case["setting"].items()
    )


def found(response):
    return [(choice.text, choice.finish_reason) for choice in response.choices]


def wanted(case):
    return told(case["answers"], {END, *case["setting"].get("eos_token_id", ())})


BRIEF = [
    (case, options(given))
    for case, given in STURDY
    if case["prompt"] == "hello"
    and case["setting"]["num_beams"] < 4
    and not any(case["setting"].get(name) for name in ("do_sample", "is_nested"))
]
"""Those that go into a small memory, several at a time."""
