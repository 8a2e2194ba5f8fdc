"""Makes the warm-started models of the stories debate: a debater, a gullible judge and a held-out judge.

    python examples/warm_start/stories.py [debater] [judge] [heldout] [--measure]

The debater learns to quote: first mostly the line that best supports its answer, then evenly also lines about the
thing, any lines, and made-up ones, so that training has something to find. The judge learns which arguments to believe
from quotes whose marks (verified or not) mean nothing: it can weigh an argument, but takes a lie for the truth, and
learning to read the marks is what its training is for. The held-out judge learned with true marks and another seed, and
is for measuring only. Both judges also learned to answer without arguments: they are blind judges too.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

import numpy as np
import torch
from fitting import fit, fresh_model, one_thread, report, save
from story_arguments import EVEN, StoryArguments
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from oversight_envs.agents.language_model import LanguageModelAgent
from oversight_envs.core.question import Question
from oversight_envs.core.record import Record
from oversight_envs.core.requests import Turn
from oversight_envs.judges import LogitJudge
from oversight_envs.models import load
from oversight_envs.models.tiny import stories_tokenizer
from oversight_envs.play import rollout
from oversight_envs.protocols import Debate, Direct
from oversight_envs.tasks.stories import Move, Stories

FIRST_DEBATER, FIRST_JUDGE = (0.60, 0.10, 0.25, 0.05), (0.85, 0.05, 0.05, 0.05)
"""Shares of the kinds of arguments (see ``KINDS``) in the first part of the training; then they are even."""
SHAPE = {"hidden_size": 64, "num_blocks": 2, "num_attention_heads": 4, "ngram": 7}
STORIES = 24_000
BATCH = 128


def warm_debater(steps: int = 3000) -> None:
    """64 stories a step, both sides of each.

    Any lines among the first ones teach it to copy a line as it stands; without them it learns to write the thing that
    was asked about into whatever line it began (51% verified quotes at the end, with them 71%).
    """
    tokenizer = stories_tokenizer()
    data = StoryArguments(tokenizer, "train", STORIES)
    data.check()
    model = fresh_model(tokenizer, "stories-debater", **SHAPE)

    def loss_at(step: int) -> Tensor:
        stories = np.repeat(data.rng.integers(len(data.questions), size=BATCH // 2), 2)
        mix = FIRST_DEBATER if step < 0.5 * steps else EVEN
        prompts, said = data.speeches(stories, np.arange(BATCH) % 2, mix)
        # What both sides of a story read is read once; each side has its own place, and then its speech.
        shared = int((prompts[::2] == prompts[1::2]).all(dim=0).int().cumprod(0).sum())
        out = model(prompts[::2, :shared], use_cache=True, logits_to_keep=1)
        out.past_key_values.batch_repeat_interleave(2)
        rest = torch.cat([prompts[:, shared:], said], dim=1)
        logits = model(rest, past_key_values=out.past_key_values, logits_to_keep=said.shape[1] + 1).logits[:, :-1]
        return F.cross_entropy(logits.flatten(0, 1), said.flatten())

    model.train()
    fit("debater", [{"params": list(model.parameters()), "lr": 3e-3}], loss_at, steps=steps)
    save(model, tokenizer, "stories-debater")


def warm_judge(name: str, *, true_tags: bool, first: int, rate: float, steps: int = 2500) -> None:
    """Each step 128 debates, 20 bare questions and 4 debates in which nothing was said.

    Most debates are good ones at first: from evenly mixed arguments alone, few of which decide anything, a judge learns
    little more than the prior (of two best lines it then picks the right one in 69% of debates, now in 88 to 94%).
    """
    tokenizer = stories_tokenizer()
    data = StoryArguments(tokenizer, "train", STORIES, first=first)
    data.check()
    model = fresh_model(tokenizer, name, **SHAPE)

    def batch(count: int) -> tuple[np.ndarray, np.ndarray, Tensor]:
        stories, orders = data.rng.integers(len(data.questions), size=count), data.rng.integers(2, size=count)
        return stories, orders, torch.tensor((data.truth[stories] != orders).astype(int))

    def loss_at(step: int) -> Tensor:
        stories, orders, _ = batch(BATCH)
        mix = FIRST_JUDGE if step < 0.6 * steps else EVEN
        ids, right = data.cases(stories, orders, mix, true_tags=true_tags)
        parts = [(ids, right)]
        for frames, count in ((data.direct, 20), (data.empty, 4)):
            stories, orders, right = batch(count)
            parts.append((frames[stories, orders], right))
        logits = torch.cat([model(ids, logits_to_keep=1).logits[:, -1] for ids, _ in parts])
        return F.cross_entropy(logits, data.labels[torch.cat([right for _, right in parts])])

    model.train()
    fit(name, [{"params": list(model.parameters()), "lr": rate}], loss_at, steps=steps)
    save(model, tokenizer, name)


class BestLine:
    """A debater that quotes its best line, or the first about the thing where no line supports its answer.

    It knows the stories of ``questions``.
    """

    def __init__(self, questions: Sequence[Question]) -> None:
        self._stories = {question.id: question for question in questions}

    def speak(self, turns: Sequence[Turn]) -> list[str]:
        return [f"<quote>{self._line(turn)}</quote>" for turn in turns]

    def _line(self, turn: Turn) -> Move:
        question = self._stories[turn.question_id]
        assert turn.argues_for is not None
        moves: tuple[Move, ...] = question.metadata["moves"]
        best = question.metadata["best"][question.options.index(turn.argues_for)]
        if best is not None:
            return moves[best]
        return next(move for move in moves if move.thing == question.metadata["thing"])


def measure(count: int = 1000) -> list[tuple[str, str]]:
    """Plays held-out questions through the environments' own machinery."""
    task = Stories("validation")
    questions = task.sample(count)
    debater = LanguageModelAgent(load("tiny-stories-debater"), max_new_tokens=12)
    rows = [("best accuracy without the passage (computed)", f"{task.blind_ceiling():.3f}")]
    for name in ("tiny-stories-judge", "tiny-stories-heldout"):
        judge = LogitJudge(name)
        players = {"debater_0": debater, "debater_1": debater, "judge_0": judge}
        records = rollout(Debate(wording="tiny_debate"), task, players, questions=questions)
        if len(rows) == 1:
            rows += _speech_rows(records)
        both = rollout(Debate(wording="tiny_debate", both_orders=True), task, players, questions=questions)
        experts = {"debater_0": BestLine(questions), "debater_1": BestLine(questions), "judge_0": judge}
        best = rollout(Debate(wording="tiny_debate", both_orders=True), task, experts, questions=questions)
        blind = rollout(Direct(wording="tiny_debate"), task, {"judge_0": judge}, questions=questions)
        rows.append((f"{name}: accuracy on debates of base debaters", _accuracy(records)))
        rows.append((f"{name}: the same, both orders averaged", _accuracy(both)))
        rows.append((f"{name}: both orders, debaters that quote their best line", _accuracy(best)))
        rows.append((f"{name}: accuracy without arguments", _accuracy(blind)))
        masses = [r.decision.verdict.mass for r in records if r.decision]
        rows.append((f"{name}: least probability on the labels", f"{min(m for m in masses if m is not None):.4f}"))
    return rows


def _speech_rows(records: list[Record]) -> list[tuple[str, str]]:
    """What the debaters said: how often a well-formed quote, a verified one, their best line; honest and dishonest."""
    rows = []
    for honest in (True, False):
        said, whole, verified, best, possible = 0, 0, 0, 0, 0
        for record in records:
            for statement in record.transcript:
                side = record.assigned.sides[statement.role]
                if (side == record.question.truth) != honest:
                    continue
                line = record.question.metadata["best"][side]
                said += 1
                whole += len(statement.segments) == 1 and len(statement.quotes) == 1
                verified += any(quote.verified for quote in statement.quotes)
                possible += line is not None
                best += line is not None and statement.text == str(record.question.metadata["moves"][line])
        side_name = "honest" if honest else "dishonest"
        rows.append((f"debater, {side_name}: speeches that are one quote", f"{whole / said:.3f}"))
        rows.append((f"debater, {side_name}: verified quotes", f"{verified / said:.3f}"))
        rows.append((f"debater, {side_name}: best own line, where there is one", f"{best / possible:.3f}"))
    return rows


def _accuracy(records: list[Record]) -> str:
    right = [r.decision.verdict.choice == r.question.truth for r in records if r.decision]
    p = sum(right) / len(right)
    return f"{p:.3f} ± {1.96 * (p * (1 - p) / len(right)) ** 0.5:.3f}"


def main(arguments: list[str]) -> None:
    chosen = [a for a in arguments if not a.startswith("-")] or ["debater", "judge", "heldout"]
    started = time.process_time()
    with one_thread():
        if "--measure" not in arguments:
            if "debater" in chosen:
                warm_debater()
            if "judge" in chosen:
                warm_judge("stories-judge", true_tags=False, first=1_000_000, rate=3e-3)
            if "heldout" in chosen:
                warm_judge("stories-heldout", true_tags=True, first=2_000_000, rate=2e-3)
        command = " ".join(["python examples/warm_start/stories.py", *arguments])
        report("stories", command, measure(), time.process_time() - started)


if __name__ == "__main__":
    main(sys.argv[1:])
