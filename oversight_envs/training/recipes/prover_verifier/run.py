"""The prover-verifier game in rounds: a verifier learns from all provers so far, then provers learn against it.

After Kirchner et al., *Prover-verifier games improve legibility of LLM outputs* (arXiv 2407.13692). Each round trains a
fresh verifier on balanced solutions of the base model and of every earlier round's provers, and then, from the base
weights, one policy that plays the helpful and the sneaky prover. ``measures.py`` says what is measured after it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from oversight_envs.core.question import Task
from oversight_envs.core.rewards import WithCosts, get_rule
from oversight_envs.judges import RewardModelVerifier
from oversight_envs.protocols import ProverVerifier
from oversight_envs.training.checkpoint import CheckpointError, Checkpoints, write_lines
from oversight_envs.training.curves import Column, Curve, Curves, CurvesPanel
from oversight_envs.training.logs import MetricsLog
from oversight_envs.training.policy import TextPolicy
from oversight_envs.training.recipes.prover_verifier import measures
from oversight_envs.training.recipes.prover_verifier.checkers import Checkers
from oversight_envs.training.recipes.prover_verifier.config import ProverVerifierConfig, Stage
from oversight_envs.training.recipes.prover_verifier.round import Round
from oversight_envs.training.recipes.prover_verifier.solutions import Corrupt, SolutionFiles

ROUNDS = "rounds.jsonl"

CURVES = Curves(
    rows=ROUNDS,
    x="round",
    names={"-1": "base"},
    panels=(
        CurvesPanel(
            "held-out solutions",
            (
                Curve("helpful_accuracy", "helpful prover", "honest"),
                Curve("sneaky_accuracy", "sneaky prover", "dishonest"),
                Curve("sneaky_success", "sneaky: wrong and convincing"),
            ),
            percent=True,
        ),
        CurvesPanel(
            "the verifier tells right from wrong (AUC)",
            (
                Curve("verifier.auc.0", "on the base model's solutions"),
                Curve("verifier.auc.-1", "on provers trained against it", "dishonest"),
            ),
        ),
    ),
    columns=(
        Column("round", "round", "text"),
        Column("helpful right", "helpful_accuracy"),
        Column("sneaky right", "sneaky_accuracy"),
        Column("sneaky fools", "sneaky_success"),
        Column("AUC, base solutions", "verifier.auc.0", "number"),
        Column("AUC, new provers", "verifier.auc.-1", "number"),
        Column("steps to 10% attacks", "attack.succeeds", "steps", limit="attack.budget"),
    ),
    sentences=(
        "The helpful prover is right on {last.helpful_accuracy:percent} of held-out problems after round {last.round} "
        "(base model: {first.helpful_accuracy:percent}), the sneaky one on {last.sneaky_accuracy:percent}.",
        "Of the sneaky prover's solutions {last.sneaky_success:percent} are wrong and as convincing as right ones; the "
        "verifier's AUC on provers trained against it is {last.verifier.auc.-1:number}.",
    ),
)
"""How a run's rounds are shown."""


class StepDone(NamedTuple):
    """Where a run is: after ``step`` of its ``config.steps`` steps, in ``stage`` of ``round``."""

    step: int
    round: int
    stage: Stage
    statistics: Mapping[str, float]


class ProverVerifierRun:
    """One run, in one folder; what it holds already is not computed again.

    Args:
        config: its shape.
        game: the game of both provers.
        train: the task of the verifiers' and provers' problems, which are disjoint.
        test: the task of held-out problems, of another split.
        policy: makes the prover at its base weights, a new one for each call.
        verifier: makes an untrained verifier with a fresh score head, drawn from the seed it is given.
        folder: where metrics, solutions, checkpoints and each round's models go.
        corrupt: plants errors in solutions, for the checkers to learn from (see ``checkers.py``); without it they learn
            from the base model's solutions alone.
    """

    def __init__(
        self,
        config: ProverVerifierConfig,
        *,
        game: ProverVerifier,
        train: Task,
        test: Task,
        policy: Callable[[], TextPolicy],
        verifier: Callable[[int], RewardModelVerifier],
        folder: str | Path,
        corrupt: Corrupt | None = None,
    ) -> None:
        if train.full_name == test.full_name:
            raise ValueError(f"train and test are both {train.name!r}, split {train.split!r}: give different splits")
        if game.provers != "both" or not game.verifier:
            raise ValueError(
                f"game: provers={game.provers!r}, verifier={game.verifier!r}; the recipe needs a game of both provers "
                "and a verifier"
            )
        game.check_task(train)
        self.config, self.game = config, game
        self.policy, self.verifier = policy, verifier
        self.folder = Path(folder)
        self.checkpoints = Checkpoints(self.folder / "checkpoints", asdict(config))
        self.rule = WithCosts(get_rule(config.reward, game), config.cost_per_token, config.unreadable)
        self.solutions = SolutionFiles(
            config, game=game, train=train, test=test, base=policy(), folder=self.folder / "solutions", corrupt=corrupt
        )
        self.checkers = Checkers(config, self.solutions, verifier)

    def run(self, on_step: Callable[[StepDone], None] | None = None) -> list[dict[str, Any]]:
        """Trains to the end, or goes on to it; what was measured, also in ``rounds.jsonl``.

        The first entry is the base model, as round -1; then comes one for each round (see ``measures``).
        ``on_step`` is called after each step, for progress bars.
        """
        position, state = self.checkpoints.latest() or (0, _new_state())
        if missing := [name for name in _new_state() if not isinstance(state.get(name), list)]:
            raise CheckpointError(
                f"{self.checkpoints.folder}: field 'extra' of step {position} has no list {missing[0]!r}; remove that "
                "step to go on from an earlier one"
            )
        if not state["rounds"]:
            base = self.solutions.written("held-out", 0)
            state["rounds"].append({"round": -1, **measures.of_provers(base), "checkers": self.checkers.areas(base)})
        size = self.config.round_steps
        CURVES.write(self.folder)
        with MetricsLog(self.folder, after=position) as log:
            for number in range(position // size, self.config.rounds):
                play = Round(
                    self.config, number, state, game=self.game, policy=self.policy, verifier=self.verifier,
                    rule=self.rule, solutions=self.solutions, checkers=self.checkers
                )  # fmt: skip
                if position % size:
                    self.checkpoints.load(play.parts)
                for done, stage, statistics in play.steps(position % size):
                    position = number * size + done
                    log.write(position, {f"{stage}/{name}": value for name, value in statistics.items()})
                    if done < size and position % self.config.checkpoint_every == 0:
                        self.checkpoints.save(position, play.parts, state)
                    if on_step is not None:
                        on_step(StepDone(position, number, stage, statistics))
                position = (number + 1) * size
                state = {**_new_state(), "rounds": [*state["rounds"], play.measure()]}
                play.save_models(self.folder / f"round-{number}")
                write_lines(self.folder / ROUNDS, state["rounds"])
                self.checkpoints.save(position, play.parts, state)
        rounds: list[dict[str, Any]] = state["rounds"]
        return rounds


def _new_state() -> dict[str, Any]:
    """What a checkpoint remembers beside the weights: finished rounds, and the present one's curves."""
    return {"rounds": [], "gaps": [], "looks": [], "attack": []}
