"""The tiny models of ``reproduce_legibility.py``: warm starts on chains of five sums, by a base that is terse half of
the time. ``examples/warm_start/arithmetic.py`` has the training."""

import sys
from pathlib import Path

import torch

from oversight_envs.core.episode import Episode
from oversight_envs.core.speech import Speech
from oversight_envs.models import load
from oversight_envs.models.hf.loading import save_folder
from oversight_envs.protocols import ProverVerifier
from oversight_envs.training.checkpoint import whole_folder

sys.path.insert(0, str(Path(__file__).parents[1] / "warm_start"))
from arithmetic import BATCH, PROBLEMS, VERIFIER, next_token_loss, reader, writer
from arithmetic_solutions import Solutions
from fitting import fit

SUMS = 5
STYLES = (0.3, 0.2, 0.5)
"""How often the base writes every step, merges two of them, writes all in one line."""
TRANSLATOR_STEPS = 400


def warm_start(out):
    """Folders of the prover, the verifier's language model and the translator; made where they are not there yet."""
    made = {
        "prover": lambda: writer(sums=SUMS, styles=STYLES),
        "verifier": lambda: reader(VERIFIER, sums=SUMS, styles=STYLES),
        "translator": lambda: translator(out / "prover"),
    }
    for name, make in made.items():
        if not (out / name).exists():
            model, tokenizer = make()
            with whole_folder(out / name) as unfinished:
                save_folder(unfinished, model, tokenizer)


def translator(prover):
    """The base prover, taught to write a solution it is given line by line: half of them right, half with one error.

    Of an error it learns that the answer is kept, not where the error was: a terse solution does not say that.
    """
    lm = load(str(prover)).copy()
    data = Solutions(lm.tokenizer, "train", PROBLEMS, first=2_000_000, sums=SUMS)
    game = ProverVerifier(wording="tiny_prover_verifier", provers="helpful", translator=True)

    def loss_at(_):
        rows = []
        for index in data.rng.integers(len(data.questions), size=BATCH).tolist():
            lines = data.lines(index, wrong=data.rng.random() < 0.5)
            episode = Episode(game, data.questions[index], 0)
            episode.answer(episode.asks[0], Speech(data.restyle(lines, STYLES)))
            rows.append((data.chat.encode(episode.asks[0].prompt), data.encode(lines)))
        return next_token_loss(lm.model, *data.batch(rows))

    lm.model.train()
    fit("translator", [{"params": list(lm.model.parameters()), "lr": 1e-3}], loss_at, steps=TRANSLATOR_STEPS)
    return lm.model, lm.tokenizer
