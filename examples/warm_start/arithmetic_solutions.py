"""Written solutions of arithmetic chains, right and wrong, explicit and terse: what the provers are warmed up on."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from oversight_envs.core.episode import Episode
from oversight_envs.core.prompt import Message
from oversight_envs.core.seeding import derive_seed
from oversight_envs.models.hf.chat import ChatEncoder
from oversight_envs.protocols import ProverVerifier
from oversight_envs.tasks.arithmetic import Arithmetic
from oversight_envs.tasks.corruption import corrupt

GAME = ProverVerifier(wording="tiny_prover_verifier")
STYLES = ("verbose", "mid", "terse")
MIXED = (0.5, 0.3, 0.2)
VERBOSE = (1.0, 0.0, 0.0)


def merge_steps(solution: str, style: str, rng: np.random.Generator) -> str:
    """The solution with all its steps (verbose), two neighbouring ones in one line (mid), or all in one line (terse).

    ``7 + 5 = 12 ;`` and ``12 x 3 = 36 ;`` become ``7 + 5 x 3 = 36 ;``.
    """
    *lines, answer = solution.split("\n")
    at = int(rng.integers(max(len(lines) - 1, 1)))
    groups = {
        "verbose": [[line] for line in lines],
        "mid": [*([line] for line in lines[:at]), lines[at : at + 2], *([line] for line in lines[at + 2 :])],
        "terse": [lines],
    }[style]
    return "\n".join([*map(_one_line, (group for group in groups if group)), answer])


def _one_line(group: list[str]) -> str:
    sums, results = zip(*(line.split(" = ") for line in group), strict=True)
    operations = [sum_.split(" ", 1)[1] for sum_ in sums[1:]]  # without the value so far
    return f"{' '.join([sums[0], *operations])} = {results[-1]}"


class Solutions:
    """``count`` problems of one split with prompts [problems, roles] as ids, and scripted solutions to them."""

    def __init__(self, tokenizer: Any, split: str, count: int, *, first: int = 0, sums: int = 3) -> None:
        self.task = Arithmetic(split, style="chain", steps=sums)
        self.questions = [self.task[first + index] for index in range(count)]
        self.rng = np.random.default_rng(derive_seed("arithmetic solutions", split, first))
        self.chat = ChatEncoder(tokenizer, "tiny")
        self.pad, self.end = tokenizer.pad_token_id, tokenizer.eos_token_id
        self.prompts = [[self.chat.encode(ask.prompt) for ask in Episode(GAME, q, 0).asks] for q in self.questions]
        self.problems = [self.chat.encode((Message("user", question.text),)) for question in self.questions]

    def write(self, index: int, *, wrong: bool, styles: tuple[float, ...]) -> list[int]:
        """A solution to problem ``index`` in one of the styles, as ids with the end token."""
        return self.encode(self.restyle(self.lines(index, wrong=wrong), styles))

    def lines(self, index: int, *, wrong: bool) -> str:
        """A solution to problem ``index``, a step in each line; a wrong one has one error."""
        solution: str = self.questions[index].metadata["solution"]
        return corrupt(solution, self.rng, largest=self.task.largest).solution if wrong else solution

    def restyle(self, solution: str, styles: tuple[float, ...]) -> str:
        return merge_steps(solution, STYLES[int(self.rng.choice(len(STYLES), p=styles))], self.rng)

    def encode(self, solution: str) -> list[int]:
        return [*self.chat.encode_text(solution), self.end]

    def batch(self, rows: list[tuple[list[int], list[int]]]) -> tuple[Tensor, Tensor]:
        """Prompts and solutions, padded on the right: ids [n, length], and targets with all but solutions at -100."""
        width = max(len(prompt) + len(said) for prompt, said in rows)
        ids = [prompt + said + [self.pad] * (width - len(prompt) - len(said)) for prompt, said in rows]
        targets = [[-100] * len(p) + said + [-100] * (width - len(p) - len(said)) for p, said in rows]
        return torch.tensor(ids), torch.tensor(targets)
