"""One run of ``compare_protocols.py``: a game's speakers and its judge learn together, beside a judge that stays alone.

Speakers learn by PPO on the game's own reward, judges from the truth. The judge that stays alone sees no arguments (on
stories) or no critic (on arithmetic, the same solutions), begins as the game's judge does, and gets equal updates. In
the first steps only the judges learn, so that speakers meet a judge that can read their game.
"""

from dataclasses import asdict
from typing import Any, NamedTuple

import torch

from oversight_envs.agents import ScriptedAgent
from oversight_envs.core.protocol import Protocol
from oversight_envs.core.seeding import derive_seed
from oversight_envs.evaluation.decisions import credits, judge, score_differences
from oversight_envs.evaluation.statistics import mean, paired_difference, share
from oversight_envs.judges import LogitJudge, LogitVerifier
from oversight_envs.models import load
from oversight_envs.play import rollout
from oversight_envs.protocols import Consultancy, Critique, Debate, Direct, ProposerCritic
from oversight_envs.protocols.solved import verdict_in
from oversight_envs.tasks.arithmetic import Arithmetic
from oversight_envs.tasks.stories import Stories
from oversight_envs.training import PPO, JudgeConfig, JudgeTrainer, MetricsLog, PPOConfig, TextPolicy
from oversight_envs.training.minibatches import epoch_batch

from .kept import found, keep_found, kept_model
from .protocol_players import ALONE, STORY_WORDS, SUM_WORDS, story_speaker, sum_judge, sum_speaker

BATCH, SAMPLES, TRAINING, HELD_OUT = 16, 4, 480, 200
JUDGE_FIRST = 8
EVALUATIONS = "evaluations"


class Kind(NamedTuple):
    """What all games on a task share."""

    train: Any
    test: Any
    alone: Protocol
    judge: Any
    max_new_tokens: int
    ppo: PPOConfig
    judge_config: JudgeConfig
    speaker: Any
    """Makes the language model that the speakers begin as."""
    first_judge: Any


KINDS = {
    "stories": Kind(
        Stories("train"),
        Stories("test"),
        Direct(wording=STORY_WORDS, both_orders=True),
        LogitJudge,
        12,
        PPOConfig(estimator="rloo", learning_rate=5e-4, kl_coef=0.2, epochs=4),
        JudgeConfig(learning_rate=5e-4),
        story_speaker,
        lambda: load("tiny-stories-judge").copy(),
    ),
    "arithmetic": Kind(
        Arithmetic("train", style="chain"),
        Arithmetic("test", style="chain"),
        ALONE,
        LogitVerifier,
        48,
        PPOConfig(estimator="reinforce", learning_rate=1e-3, kl_coef=0.05, epochs=2),
        JudgeConfig(learning_rate=1e-3),
        sum_speaker,
        sum_judge,
    ),
}
_STORY = {"wording": STORY_WORDS, "both_orders": True}
GAMES = {
    "debate": ("stories", Debate(**_STORY, turns="sequential")),
    "open debate": ("stories", Debate(**_STORY, turns="sequential", positions="open")),
    "double consultancy": ("stories", Consultancy(**_STORY, double=True)),
    "consultancy": ("stories", Consultancy(**_STORY)),
    "critique": ("arithmetic", Critique(wording=SUM_WORDS)),
    "proposer and critic": ("arithmetic", ProposerCritic(wording=SUM_WORDS, rebuttals=0)),
    "open consultancy": ("stories", Consultancy(**_STORY, positions="open")),
}
"""Protocol -> its task and its game."""


def evaluated(steps):
    """The steps before which a run is measured."""
    return sorted({JUDGE_FIRST, steps // 4, steps // 2, 3 * steps // 4, steps} - {*range(JUDGE_FIRST)})


class Run:
    """One protocol under one seed, which decides questions and draws: those are the same for all protocols."""

    def __init__(self, name, seed, speaker, first_judge):
        task, self.game = GAMES[name]
        self.kind, self.seed = KINDS[task], seed
        self.sides = "both" if name == "consultancy" else "drawn"
        self.speakers = [role for role, does in self.game.roles.items() if does.speaks]
        self.initial = TextPolicy(speaker, max_new_tokens=self.kind.max_new_tokens)
        self.policy = TextPolicy(speaker, max_new_tokens=self.kind.max_new_tokens)
        self.judge, self.alone = first_judge.copy(), first_judge.copy()
        self.ppo = PPO(self.policy, self.speakers, self.kind.ppo)
        self.trainers = [JudgeTrainer(lm, self.kind.judge_config) for lm in (self.judge, self.alone)]
        self.questions = self.kind.train.sample(TRAINING, seed=seed)
        self.held_out = self.kind.test.sample(HELD_OUT, seed=seed)

    def run(self, steps, log):
        """Evaluations when the speakers begin to learn, at each quarter, and in the end; ``log(step, numbers)``."""
        found = []
        for step in range(steps + 1):
            if step in evaluated(steps):
                found.append({"step": step, **self.evaluate(last=step == steps)})
            if step < steps:
                log(step + 1, self.step(step))
        return found

    def step(self, step):
        seed = derive_seed(self.seed, "step", step)
        batch = epoch_batch(self.questions, step, BATCH, self.seed)
        records = self.play(self.kind.train, batch, self.policy, seed, samples=SAMPLES, group=f"step-{step}")
        statistics = {}
        views = {"judge": records, "alone": self.unaided(self.kind.train, batch, records)}
        for trainer, (which, seen) in zip(self.trainers, views.items(), strict=True):
            statistics |= {f"{which}/{name}": value for name, value in trainer.step(seen).items()}
        if step >= JUDGE_FIRST:
            statistics |= {f"speakers/{name}": value for name, value in self.ppo.step(records).items()}
        return statistics

    def play(self, task, questions, speaker, seed, *, samples=1, **options):
        """As many games on each question under every protocol; a single consultant argues for both answers in turn."""
        players = dict.fromkeys(self.speakers, speaker) | {"judge_0": self.kind.judge(self.judge)}
        count = max(samples // 2, 1) if self.sides == "both" else samples
        options |= {"samples": count, "sides": self.sides, "seed": seed, "concurrency": 256}
        return rollout(self.game, task, players, questions=questions, **options)

    def unaided(self, task, questions, records):
        """What the judge that stays alone makes of the same questions: without arguments, or of the same solutions."""
        players, samples = {"judge_0": self.kind.judge(self.alone)}, 1
        if "solver_0" in self.kind.alone.roles:
            said = {}
            for record in records:
                said.setdefault(record.question.id, []).append(record.transcript[0].text)
            players["solver_0"] = ScriptedAgent(lambda turn: said[turn.question_id].pop())
            samples = len(records) // len(questions)
        return rollout(self.kind.alone, task, players, questions=questions, samples=samples, seed=1, concurrency=256)

    def evaluate(self, *, last):
        task, questions = self.kind.test, self.held_out
        records = self.play(task, questions, self.policy, seed=1)
        found = measures(records, self.unaided(task, questions, records))
        if last:  # the same judge, and the speakers as they were
            untrained = self.play(task, questions, self.initial, seed=1)
            found["gain by training speakers"] = paired_difference(right(records), right(untrained))
        return {name: asdict(estimate) for name, estimate in found.items()}


def measures(records, alone):
    """Name -> estimate over questions."""
    found = {
        "judge right": share(right(records)),
        "alone right": share(right(alone)),
        "gain over alone": paired_difference(right(records), right(alone)),
        "ASD": mean(score_differences(records) if decides(records) else margins(records)),
        "no result": share((r.question.id, float(r.outcome is None)) for r in records),
    }
    found["honest wins"] = judge(records).honest_wins if decides(records) else share(honest_wins(records))
    if records[0].config.get("positions") != "assigned":  # the first speaker chose its answer, or found it
        finished = [record for record in records if record.outcome is not None]
        own = [record.correct[next(iter(record.roles))] for record in finished]
        judged = right(finished) if finished else []
        found["first speaker right"] = share(
            (record.question.id, float(x)) for record, x in zip(finished, own, strict=True)
        )
        found["wrong answer believed"] = share((q, 1 - won) for (q, won), x in zip(judged, own, strict=True) if not x)
    return found


def decides(records):
    """Whether the game ends in a decision between answers; else a solution was scored."""
    return any("decide" in role.does for role in records[0].roles.values())


def right(records):
    """Question and whether the judge was right: about the answers, or about the solution (even odds count as half)."""
    if decides(records):
        return credits(records)
    return [(question, 0.5 if margin == 0 else float(margin > 0)) for question, margin in margins(records)]


def margins(records):
    """Question and log-odds that the judge gave to the truth about a solution."""
    return [(r.question.id, s.value if r.correct[s.author] else -s.value) for r in records for s in r.scores]


def honest_wins(records):
    """Whether the judge sided with whoever stood for the truth: a right solver, or a critic of a wrong one."""
    for record, (question, won) in zip(records, right(records), strict=True):
        solution, critic = record.transcript[0], record.transcript[1]
        if record.correct[solution.role] or verdict_in(critic.text) != "right":
            yield question, won


def play(folder, models, name, seed, steps):
    """One run to its end, in a process of its own; what it found is in ``folder``'s ``EVALUATIONS``."""
    torch.set_num_threads(1)  # the models are so small that threads only wait for each other
    first = [load(str(models / f"{GAMES[name][0]}_{which}")) for which in ("speaker", "first_judge")]

    def run():
        with MetricsLog(folder) as log:
            return Run(name, seed, *first).run(steps, log.write)

    keep_found(folder / EVALUATIONS, run, (Run, name, seed, steps, *first))


def first_models(folder, names):
    """Makes what the games' speakers and judges begin as, and keeps it."""
    for task in {GAMES[name][0]: None for name in names}:
        for which in ("speaker", "first_judge"):
            kept_model(folder / f"{task}_{which}", getattr(KINDS[task], which))


def kept_runs(jobs):
    """What the jobs of ``play`` found."""
    return [
        {"protocol": name, "seed": seed, "evaluations": found(folder / EVALUATIONS)}
        for _, folder, _, (_, name, seed, _) in jobs
    ]
