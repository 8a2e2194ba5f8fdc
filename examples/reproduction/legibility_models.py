"""The tiny models of ``reproduce_legibility.py``: the shipped ones, taught chains of five sums, and to be terse.

``examples/warm_start/`` made the shipped ones, on chains of three, and has the training.
"""

import sys
from functools import partial
from pathlib import Path

from oversight_envs.core.episode import Episode
from oversight_envs.core.speech import Speech
from oversight_envs.models import load
from oversight_envs.protocols import ProverVerifier

from .kept import kept_model

sys.path.insert(0, str(Path(__file__).parents[1] / "warm_start"))
from arithmetic import BATCH, HELPFUL_WRONG, PROBLEMS, READ_WRONG, next_token_loss
from arithmetic_solutions import Solutions
from fitting import fit

SUMS = 5
STYLES = (0.3, 0.2, 0.5)
"""How often the base writes every step, merges two of them, writes all in one line."""
TRANSLATING = ProverVerifier(wording="tiny_prover_verifier", provers="helpful", translator=True)


def warm_start(out):
    """Makes ``prover``, ``verifier`` (a language model that reads solutions) and ``translator``, and keeps them."""
    for name, start, row, steps in (
        ("prover", "tiny-arithmetic-prover", written, 350),
        ("verifier", "tiny-arithmetic-verifier", read, 250),
        ("translator", str(out / "prover"), translated, 200),
    ):
        kept_model(out / name, partial(taught, name, load(start), row, steps))


def taught(name, start, row, steps):
    """``start`` taught ``row(data, index, place)``: a prompt's ids and those of what is to be said."""
    lm = start.copy()
    first = {"prover": 0, "verifier": 1_000_000, "translator": 2_000_000}[name]
    data = Solutions(lm.tokenizer, "train", PROBLEMS, first=first, sums=SUMS)

    def loss_at(_):
        chosen = data.rng.integers(len(data.questions), size=BATCH).tolist()
        return next_token_loss(lm.model, *data.batch([row(data, index, place) for place, index in enumerate(chosen)]))

    lm.model.train()
    fit(name, [{"params": list(lm.model.parameters()), "lr": 2e-3}], loss_at, steps=steps, warmup=30)
    return lm


def written(data, index, place):
    """Half helpful, which is wrong at times, half sneaky, with one error."""
    sneaky = place % 2
    wrong = bool(sneaky) or data.rng.random() < HELPFUL_WRONG
    return data.prompts[index][sneaky], data.write(index, wrong=wrong, styles=STYLES)


def read(data, index, _):
    return data.problems[index], data.write(index, wrong=data.rng.random() < READ_WRONG, styles=STYLES)


def translated(data, index, place):
    """A solution as the base writes it, right or with one error, and the same line by line.

    Of an error it learns that the answer is kept, not where the error was: a terse solution does not say that.
    """
    lines = data.lines(index, wrong=bool(place % 2))
    episode = Episode(TRANSLATING, data.questions[index], 0)
    episode.answer(episode.asks[0], Speech(data.restyle(lines, STYLES)))
    return data.chat.encode(episode.asks[0].prompt), data.encode(lines)
