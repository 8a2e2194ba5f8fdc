"""The registered games, and pairwise combinations of their options."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from itertools import combinations, product
from typing import Any

from oversight_envs import ENVIRONMENTS

MODULES = {name: import_module(f"oversight_envs.{name}_v0") for name in ENVIRONMENTS}
TASKS = {"prover_verifier": "sums", "critique": "sums", "proposer_critic": "sums", "recursive_debate": "nested_sums"}
"""The fixture that holds questions for a game; ``things`` for all others."""
SPEECH_OPTIONS = {
    "rounds": [1, 2, 3],
    "max_words": [150, 2],
    "quotes": [True, False],
    "show": ["all", "quotes", "arguments", "verified"],
    "scratchpad": [False, True],
    "both_orders": [False, True],
    "judge_asks": [False, True],
    "judge_ends": [False, True],
    "positions": ["assigned", "open"],
}
OPTIONS: dict[str, dict[str, list[Any]]] = {
    "debate": {"turns": ["simultaneous", "sequential"], "cross_examination": [False, True], **SPEECH_OPTIONS},
    "consultancy": {"double": [False, True], **SPEECH_OPTIONS},
    "direct": {"expert": [False, True], "both_orders": [False, True]},
    "prover_verifier": {
        "provers": ["both", "helpful", "sneaky"],
        "verifier": [True, False],
        "max_words": [200, 3],
        "translator": [False, True],
    },
    "critique": {"critic": [True, False], "revise": [False, True], "max_words": [200, 3]},
    "recursive_debate": {"judge": [True, False], "estimator": [False, True], "max_words": [100, 3]},
    "interactive_proof": {
        "protocol": ["nip", "solo", "adp", "mnip", "merlin_arthur"],
        "rounds": [1, 2, 3],
        "quotes": [True, False],
    },
    "market_making": {"rounds": [1, 2], "quotes": [True, False], "max_words": [150, 2]},
    "proposer_critic": {"rebuttals": [1, 0, 2], "critic": ["honest", "adversarial"]},
}


def legal(options: dict[str, Any]) -> bool:
    if options.get("quotes") is False and options.get("show", "all") != "all":
        return False
    if options.get("judge_ends") and not options["judge_asks"]:
        return False
    if options.get("double") and options.get("positions") == "open":
        return False
    if options.get("translator") and not options["verifier"]:
        return False
    if options.get("revise") and not options["critic"]:
        return False
    return not (options.get("judge_asks") and (options.get("rounds", 1) == 1 or options.get("both_orders")))


def pairwise(choices: dict[str, list[Any]]) -> Iterator[dict[str, Any]]:
    """Greedy: configurations until every legal pair of values of two options has occurred."""
    wanted = {
        ((a, x), (b, y)) for a, b in combinations(choices, 2) for x, y in product(choices[a], choices[b])
    }  # fmt: skip
    everything = [o for v in product(*choices.values()) if legal(o := dict(zip(choices, v, strict=True)))]
    while everything:
        best = max(everything, key=lambda o: len(wanted & set(combinations(o.items(), 2))))
        if not (covered := wanted & set(combinations(best.items(), 2))):
            return
        wanted -= covered
        yield best


CONFIGURATIONS = [(name, options) for name, choices in OPTIONS.items() for options in pairwise(choices)]
IDS = [f"{name}-{'-'.join(map(str, options.values()))}" for name, options in CONFIGURATIONS]
