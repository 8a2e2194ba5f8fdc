"""Self-play debate: debaters learn by PPO on the judge's log-odds, the judge learns from the same debates.

After Anthropic's fall 2023 debate update: two copies of one model debate, the reward is the judge's logit difference,
the judge is trained by supervised learning on the right answer beside a *blind* judge that sees no arguments, and what
is asked of held-out questions is whether debaters get more convincing (under a judge that they were *not* trained
against) and whether the judge gets more accurate than the blind one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from oversight_envs._files import json_rows
from oversight_envs.core.players import Players
from oversight_envs.core.question import Task
from oversight_envs.core.record import Record
from oversight_envs.core.requests import Speaker
from oversight_envs.core.seeding import derive_seed
from oversight_envs.evaluation.decisions import credits
from oversight_envs.evaluation.metrics import measure
from oversight_envs.evaluation.statistics import share
from oversight_envs.judges import LogitJudge
from oversight_envs.models import LanguageModel
from oversight_envs.play import rollout
from oversight_envs.protocols import Debate, Direct
from oversight_envs.protocols.debate import DEBATERS
from oversight_envs.training.checkpoint import Checkpoints, Part, write_lines
from oversight_envs.training.curves import Column, Curve, Curves, CurvesPanel
from oversight_envs.training.judges import JudgeTrainer
from oversight_envs.training.logs import MetricsLog
from oversight_envs.training.minibatches import epoch_batch
from oversight_envs.training.policy import TextPolicy
from oversight_envs.training.ppo import PPO
from oversight_envs.training.recipes.debate.config import DebateConfig
from oversight_envs.training.recipes.debate.held_out import HeldOut, judged

EVALUATIONS = "evaluations.jsonl"

CURVES = Curves(
    rows=EVALUATIONS,
    x="step",
    panels=(
        CurvesPanel(
            "accuracy on held-out questions",
            (Curve("judge_accuracy", "judge", "honest"), Curve("blind_accuracy", "blind judge")),
            percent=True,
            chance=0.5,
        ),
        CurvesPanel(
            "reward, held-out judge and truth",
            (
                Curve("convincingness_trained_against", "beats the initial one, judge trained against", "dishonest"),
                Curve("convincingness", "the same, held-out judge", "honest"),
                Curve("dishonest_verified", "true quotes of the dishonest side"),
            ),
            percent=True,
            chance=0.5,
        ),
    ),
    columns=(
        Column("step", "step", "text"),
        Column("judge", "judge_accuracy"),
        Column("blind judge", "blind_accuracy"),
        Column("beats the initial debater", "convincingness"),
        Column("score difference", "score_difference", "number"),
        Column("honest quotes verified", "honest_verified"),
        Column("dishonest quotes verified", "dishonest_verified"),
    ),
    sentences=(
        "After {last.step} steps the judge is right on {last.judge_accuracy:percent} of held-out questions (before: "
        "{first.judge_accuracy:percent}), the blind judge on {last.blind_accuracy:percent}.",
        "The trained debater beats the initial one in {last.convincingness:percent} of debates, under a judge that it "
        "was not trained against.",
        "Under the judge that it is trained against it does in {last.convincingness_trained_against:percent}; of the "
        "dishonest side's quotes {last.dishonest_verified:percent} are true (before: "
        "{first.dishonest_verified:percent}).",
    ),
)
"""How a run's evaluations are shown."""


class DebateRun:
    """One run, in one folder; what it holds already is not computed again.

    Args:
        config: its shape.
        game: the debate; ``both_orders=True`` trains and asks the judge under both orders.
        blind: the blind judge's game.
        train, test: tasks for training and measuring, of different splits.
        policy: the debater, a TextPolicy; with ``train_debater=False`` any player. ``initial`` is the same before
            training, against which it is measured.
        judge, blind_judge: trained in place, so they must be different models.
        held_out_judge: the judge that the debaters are measured by and never trained against.
        folder: where metrics, evaluations and checkpoints go.
    """

    def __init__(
        self,
        config: DebateConfig,
        *,
        game: Debate,
        blind: Direct,
        train: Task,
        test: Task,
        policy: TextPolicy | Any,
        initial: Speaker,
        judge: LanguageModel,
        blind_judge: LanguageModel,
        held_out_judge: LanguageModel,
        folder: str | Path,
    ) -> None:
        if config.train_debater and not isinstance(policy, TextPolicy):
            raise TypeError(f"policy={policy!r:.80}: give a TextPolicy, or train_debater=False")
        models = [
            lm.model for lm in (judge, blind_judge, held_out_judge, getattr(policy, "lm", None)) if lm is not None
        ]
        if len({id(model) for model in models}) < len(models):
            raise ValueError("policy, judge, blind_judge and held_out_judge must be different models: give copies")
        if train.full_name == test.full_name:
            raise ValueError(f"train and test are both {train.name!r}, split {train.split!r}: give different splits")
        self.config, self.game, self.blind = config, game, blind
        self.train_task, self.policy, self.initial = train, policy, initial
        self.judge, self.blind_judge, self.held_out_judge = judge, blind_judge, held_out_judge
        self.ppo = PPO(policy, DEBATERS, config.ppo) if config.train_debater else None
        self.judge_trainer = JudgeTrainer(judge, config.judge)
        self.blind_trainer = JudgeTrainer(blind_judge, config.judge)
        self.questions = train.sample(config.questions, seed=config.seed)
        held_out = test.sample(config.held_out, seed=config.seed)
        self.measures = HeldOut(game, blind, test, held_out, initial=initial, judge=held_out_judge)
        few = held_out[: config.best_of_questions]
        self.best_of_measures = HeldOut(game, blind, test, few, initial=initial, judge=held_out_judge)
        self.folder = Path(folder)
        self.checkpoints = Checkpoints(self.folder / "checkpoints", asdict(config))

    def run(self, on_step: Callable[[int, Mapping[str, float]], None] | None = None) -> list[dict[str, Any]]:
        """Trains to the end, or goes on to it, and returns the evaluations (also in ``evaluations.jsonl``, as made).

        ``on_step(step, statistics)`` is called after each step, for progress bars.
        """
        parts: dict[str, Part] = {"judge": self.judge_trainer, "blind": self.blind_trainer}
        if self.ppo is not None:
            parts["ppo"] = self.ppo
        found = self.checkpoints.load(parts)
        start = found[0] if found is not None else 0
        evaluations = [] if found is None else [e for e in read_evaluations(self.folder) if e["step"] <= start]
        CURVES.write(self.folder)
        with MetricsLog(self.folder, after=start) as log:
            for step in range(start, self.config.steps + 1):
                if step in self.config.evaluated() and all(e["step"] != step for e in evaluations):
                    evaluations.append(self.evaluate(step))
                    write_lines(self.folder / EVALUATIONS, evaluations)
                if step == self.config.steps:
                    break
                statistics = self.step(step)
                log.write(step + 1, statistics)
                if (step + 1) % self.config.checkpoint_every == 0 or step + 1 == self.config.steps:
                    self.checkpoints.save(step + 1, parts)
                if on_step is not None:
                    on_step(step + 1, statistics)
        return evaluations

    def step(self, step: int) -> dict[str, float]:
        """One batch of debates: the debaters learn from the verdicts, the judge and the blind judge from the truth."""
        self._forget()
        config, seed = self.config, derive_seed(self.config.seed, "step", step)
        batch = epoch_batch(self.questions, step, config.batch, config.seed)
        players: Players = {"debater_0": self.policy, "debater_1": self.policy, "judge_0": LogitJudge(self.judge)}
        records = rollout(
            self.game,
            self.train_task,
            players,
            questions=batch,
            samples=config.samples,
            group=f"step-{step}",
            seed=seed,
        )
        statistics = {f"debate/{name}": value for name, value in _training_statistics(records).items()}
        blind = rollout(
            self.blind, self.train_task, {"judge_0": LogitJudge(self.blind_judge)}, questions=batch, seed=seed
        )
        if self.ppo is not None:
            statistics |= {f"ppo/{name}": value for name, value in self.ppo.step(records).items()}
        if config.train_judge:
            statistics |= {f"judge/{name}": value for name, value in self.judge_trainer.step(records).items()}
        # samples of one question are one and the same to a judge that sees no arguments: equal updates, not equal data
        statistics |= {f"blind/{name}": value for name, value in self.blind_trainer.step(blind).items()}
        return statistics

    def evaluate(self, step: int) -> dict[str, Any]:
        """What the debater, the judge and the blind judge of now come to on held-out questions (see ``HeldOut``)."""
        self._forget()
        found = {"step": step, **self.measures.measure(self.policy, self.judge, self.blind_judge)}
        if self.config.seen:
            seen = self.questions[: self.config.seen]
            records = judged(self.game, self.blind, self.train_task, seen, self.policy, self.judge, self.blind_judge)
            for name, found_there in zip(("train_judge_accuracy", "train_blind_accuracy"), records, strict=True):
                found[name] = asdict(share(credits(found_there)))
        if self.config.best_of:
            found |= self._best_of(step)
        return found

    def _best_of(self, step: int) -> dict[str, Any]:
        """Best of N before training; at the end for the debater of each evaluated step, which was kept for it."""
        self.policy.save(self._debater(step))
        counts, best_of = self.config.best_of, self.best_of_measures.best_of
        found: dict[str, Any] = {}
        if step == 0:
            found["best_of"] = best_of(self.policy, self.judge, counts)
        if step == self.config.steps:
            found["best_of_grid"] = {}
            for earlier in self.config.evaluated():
                self._forget()
                debater = TextPolicy.load(
                    self._debater(earlier),
                    reference=False,
                    temperature=self.policy.temperature,
                    max_new_tokens=self.policy.max_new_tokens,
                )
                found["best_of_grid"][str(earlier)] = best_of(debater, self.judge, counts)
        return found

    def _debater(self, step: int) -> Path:
        """Where the debater of an evaluated step is kept."""
        return self.folder / "debaters" / f"step-{step}"

    def _forget(self) -> None:
        """What engines keep of earlier prompts changes rounding: a resumed run must not differ by it."""
        for lm in (
            getattr(self.policy, "lm", None),
            self.judge,
            self.blind_judge,
            self.held_out_judge,
            getattr(self.initial, "lm", None),
        ):
            if lm is not None:
                lm.forget()


def read_evaluations(folder: str | Path) -> list[dict[str, Any]]:
    """The evaluations that the run in ``folder`` has made so far, in the order of the steps."""
    path = Path(folder) / EVALUATIONS
    return list(json_rows(path)) if path.exists() else []


def _training_statistics(records: Sequence[Record]) -> dict[str, float]:
    metrics = measure(records)
    if metrics.decisions is None:
        return {}
    numbers = {"judge_accuracy": metrics.decisions.accuracy.value, "log_score": metrics.decisions.log_score.value}
    for who, said in metrics.speeches.items():
        numbers |= {f"{who}_verified": said.verified.value, f"{who}_quotes": said.quotes.value}
    return {name: value for name, value in numbers.items() if value is not None}
