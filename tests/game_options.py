"""The registered games, and pairwise combinations of their options."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, product
from typing import Any

from oversight_envs import consultancy_v0, debate_v0, direct_v0, prover_verifier_v0

MODULES = {
    "debate": debate_v0,
    "consultancy": consultancy_v0,
    "direct": direct_v0,
    "prover_verifier": prover_verifier_v0,
}
SPEECH_OPTIONS = {
    "rounds": [1, 2, 3],
    "max_words": [150, 2],
    "quotes": [True, False],
    "show": ["all", "quotes", "arguments", "verified"],
    "scratchpad": [False, True],
    "both_orders": [False, True],
    "judge_asks": [False, True],
    "positions": ["assigned", "open"],
}
OPTIONS: dict[str, dict[str, list[Any]]] = {
    "debate": {"turns": ["simultaneous", "sequential"], "cross_examination": [False, True], **SPEECH_OPTIONS},
    "consultancy": {"double": [False, True], **SPEECH_OPTIONS},
    "direct": {"expert": [False, True], "both_orders": [False, True]},
    "prover_verifier": {"provers": ["both", "helpful", "sneaky"], "verifier": [True, False], "max_words": [200, 3]},
}


def legal(options: dict[str, Any]) -> bool:
    if options.get("quotes") is False and options.get("show", "all") != "all":
        return False
    if options.get("double") and options.get("positions") == "open":
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
