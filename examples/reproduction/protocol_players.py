"""The first players of ``compare_protocols.py``: the tiny models that come along, taught what they lack of the games.

The story debater knows speeches in which neither side has heard the other; it learns to answer one, and to choose an
answer. The prover learns to criticise a solution as well. Both imitate scripts for some hundred steps, their old games
among the new ones. The judge of solutions is a language model that has read many; it learns to say Yes or No.
"""

import re

import numpy as np
import torch
from torch.nn import functional

from oversight_envs.core.episode import Episode
from oversight_envs.core.requests import Turn
from oversight_envs.core.seeding import derive_seed
from oversight_envs.judges.language_model import LogitVerifier
from oversight_envs.models import load
from oversight_envs.play import rollout
from oversight_envs.protocols import Consultancy, Critique, Debate
from oversight_envs.tasks.arithmetic import Arithmetic
from oversight_envs.tasks.stories import Stories
from oversight_envs.training import JudgeConfig, JudgeTrainer, TextPolicy
from oversight_envs.training.minibatches import epoch_batch

STORY_WORDS, SUM_WORDS = "tiny_debate", "tiny_prover_verifier"
STORY_GAMES = (
    Debate(wording=STORY_WORDS, turns="sequential"),
    Consultancy(wording=STORY_WORDS),
    Debate(wording=STORY_WORDS, positions="open"),
)
ALONE = Critique(wording=SUM_WORDS, critic=False)
CRITIQUE = Critique(wording=SUM_WORDS)
MAX_NEW_TOKENS = {"stories": 12, "arithmetic": 48}
_SUM = re.compile(r"(\d+)((?: [-+x] \d+)+) = (\d+) ;")


def story_speaker(steps=500, stories=2000):
    """A debater for all the games on stories."""
    lm, rng = load("tiny-stories-debater").copy(), np.random.default_rng(derive_seed("story speaker"))
    questions = Stories("train").sample(stories, seed=derive_seed("warm stories"))
    imitate(lm, [turn for q in questions for game in STORY_GAMES for turn in played(game, q, rng, story_line)], steps)
    return lm


def story_line(turn, question, rng):
    """A quote: its best line, one about the thing, any line, or a made-up one; the right answer, where it chooses."""
    if turn.argues_for is None:
        return question.options[question.truth] if not turn.index else None
    moves, thing = question.metadata["moves"], question.metadata["thing"]
    any_line = moves[rng.integers(len(moves))]
    about = [move for move in moves if move.thing == thing]
    best = question.metadata["best"][question.options.index(turn.argues_for)]
    made_up = any_line._replace(thing=thing, place=turn.argues_for.removeprefix("the "))
    lines = (about[-1] if best is None else moves[best], about[rng.integers(len(about))], any_line, made_up)
    return f"<quote>{lines[rng.integers(4)]}</quote>"


def sum_speaker(steps=400, problems=2000):
    """A solver and critic: it goes on solving as it does, and criticises its own solutions, helpful and sneaky."""
    task, rng = Arithmetic("train", style="chain"), np.random.default_rng(derive_seed("sum speaker"))
    lm = load("tiny-arithmetic-prover").copy()
    questions = task.sample(problems, seed=derive_seed("warm sums"))
    solved = solutions(lm, task, questions)

    def say(turn, question, _):
        return solved[question.id] if turn.role == "solver_0" else criticism(question, solved[question.id], task)

    imitate(lm, [turn for q in questions for turn in played(CRITIQUE, q, rng, say)], steps)
    return lm


def solutions(lm, task, questions):
    """Question id -> what the model answers."""
    policy = TextPolicy(lm, max_new_tokens=MAX_NEW_TOKENS["arithmetic"])
    verifier = LogitVerifier("tiny-arithmetic-verifier")
    records = rollout(ALONE, task, {"solver_0": policy, "judge_0": verifier}, questions=questions, concurrency=256)
    return {record.question.id: record.transcript[0].text for record in records}


def criticism(question, solution, task):
    """``Yes`` and right, or ``No``, the first sum that is wrong put right, and no."""
    if task.check(question, (re.findall(r"Answer: (\d+)", solution) or [None])[-1]):
        return "Yes\nAnswer: right"
    for start, steps, result in _SUM.findall(solution):
        value = int(start)
        for operator, operand in re.findall(r"([-+x]) (\d+)", steps):
            value = {"+": value + int(operand), "-": value - int(operand), "x": value * int(operand)}[operator]
        if value != int(result) and 0 <= value < 100:
            return f"No\n{start}{steps} = {value} ;\nAnswer: No"
    return "No\nAnswer: No"


def sum_judge(steps=300, problems=3000, batch=64):
    """A judge of solutions without critiques: what all judges on arithmetic, the one that stays alone too, begin as."""
    task, lm = Arithmetic("train", style="chain"), load("tiny-arithmetic-verifier").copy()
    questions = task.sample(problems, seed=derive_seed("judged sums"))
    policy = TextPolicy("tiny-arithmetic-prover", max_new_tokens=MAX_NEW_TOKENS["arithmetic"])
    players = {"solver_0": policy, "judge_0": LogitVerifier(lm)}
    records = rollout(ALONE, task, players, questions=questions, concurrency=256)
    trainer = JudgeTrainer(lm, JudgeConfig(learning_rate=2e-3, schedule="linear", total_steps=steps, mass_coef=0.1))
    for step in range(steps):
        trainer.step(epoch_batch(records, step, batch, seed=0))
    return lm


def played(game, question, rng, say):
    """The game as a script plays it: each prompt with what is said to it, until ``say`` has nothing to say."""
    episode = Episode(game, question, int(rng.integers(2**31)))
    while turns := [ask for ask in episode.asks if isinstance(ask, Turn)]:
        for turn in turns:
            words = say(turn, question, rng)
            if words is None:
                return
            yield turn.prompt, words
            episode.answer(turn, words)


def imitate(lm, turns, steps, batch=64, rate=3e-3):
    """Trains ``lm`` in place to say what was said."""
    end = lm.tokenizer.eos_token_id
    rows = [(lm.encode(prompt), [*lm.chat.encode_text(words), end]) for prompt, words in turns]
    optimiser = torch.optim.AdamW(lm.model.parameters(), weight_decay=0.01, betas=(0.9, 0.98))
    losses = []
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / 50) * (1 - step / steps)
        chosen = epoch_batch(rows, step, batch, seed=0)
        width = max(len(prompt) + len(said) for prompt, said in chosen)
        ids = torch.tensor([p + s + [end] * (width - len(p) - len(s)) for p, s in chosen])
        targets = torch.tensor([[-100] * len(p) + s + [-100] * (width - len(p) - len(s)) for p, s in chosen])
        logits = lm.model(ids).logits[:, :-1]
        loss = functional.cross_entropy(logits.flatten(0, 1), targets[:, 1:].flatten(), ignore_index=-100)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(lm.model.parameters(), 1.0)
        optimiser.step()
        losses.append(loss.item())
    lm.forget()
    return losses
