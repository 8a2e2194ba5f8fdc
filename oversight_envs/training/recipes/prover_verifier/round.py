"""One round of the prover-verifier recipe: train a fresh verifier, then provers and an attacker against it, measure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any

from oversight_envs.core.record import Record
from oversight_envs.core.rewards import RewardRule
from oversight_envs.core.seeding import derive_seed
from oversight_envs.evaluation.solutions import ScoredSolution, scored_solutions
from oversight_envs.judges import RewardModelVerifier
from oversight_envs.models.hf.loading import save_folder
from oversight_envs.play import rollout
from oversight_envs.protocols import ProverVerifier
from oversight_envs.protocols.prover_verifier import PROVERS
from oversight_envs.training.checkpoint import Part, whole_folder
from oversight_envs.training.minibatches import epoch_batch
from oversight_envs.training.mixtures import Mixture
from oversight_envs.training.policy import TextPolicy
from oversight_envs.training.ppo import PPO
from oversight_envs.training.recipes.prover_verifier import measures
from oversight_envs.training.recipes.prover_verifier.checkers import Checkers, train_verifier
from oversight_envs.training.recipes.prover_verifier.config import SNEAKY, ProverVerifierConfig, Stage
from oversight_envs.training.recipes.prover_verifier.solutions import SolutionFiles
from oversight_envs.training.verifiers import LabelledSolution, VerifierTrainer


class Round:
    """One round's verifier, provers and attacker, and what they do.

    All that random draws depend on is the number of the round and of the step.
    """

    def __init__(
        self,
        config: ProverVerifierConfig,
        number: int,
        state: Mapping[str, Any],
        *,
        game: ProverVerifier,
        policy: Callable[[], TextPolicy],
        verifier: Callable[[int], RewardModelVerifier],
        rule: RewardRule,
        solutions: SolutionFiles,
        checkers: Checkers,
    ) -> None:
        self.config, self.number, self.game, self.rule, self.solutions = config, number, game, rule, solutions
        self.checkers, self._make_verifier = checkers, verifier
        self.attack: list[dict[str, float | None]] = state["attack"]
        self.gaps: list[float | None] = state["gaps"]
        """How much higher wrong sneaky solutions score than right helpful ones, for each of the provers' steps; None
        where there were none."""
        self.looks: list[dict[str, Any]] = state["looks"]
        """How alike solutions look in between the provers' steps."""
        self.verifier = verifier(self._seed("verifier"))
        self.trainer = VerifierTrainer(self.verifier, self.config.verifier)
        self.provers = PPO(policy(), PROVERS, self.config.ppo)
        self.attacker = PPO(policy(), (SNEAKY,), self.config.ppo) if self.config.attack_steps else None

    @property
    def parts(self) -> dict[str, Part]:
        parts: dict[str, Part] = {"verifier": self.trainer, "provers": self.provers}
        return parts if self.attacker is None else {**parts, "attacker": self.attacker}

    def steps(self, done: int) -> Iterator[tuple[int, Stage, dict[str, float]]]:
        """Takes the round's steps after the first ``done``: how many are done then, and the step's statistics.

        Where a stage ends early its last step counts for all that were left.
        """
        takes = {"verifier": self._train_verifier, "provers": self._train_provers, "attack": self._train_attacker}
        end = 0
        for stage, count in self.config.stages.items():
            start, end = end, end + count
            over = False
            while done < end and not over:
                statistics, over = takes[stage](done - start)
                done = end if over else done + 1
                yield done, stage, statistics

    def measure(self) -> dict[str, Any]:
        """What the round came to (see ``measures.py``)."""
        solutions, number = self.solutions, self.number
        solutions.written("pool", number + 1, self.provers.policy)
        new = solutions.written("held-out", number + 1, self.provers.policy)
        held_out = [solutions.written("held-out", k) for k in range(number + 2)]
        marks = [*(measures.mark(records, self.trainer) for records in held_out[:-1]), self._new_marks]
        found = {"round": number, **measures.of_provers(new), **measures.of_round(self._new_marks)}
        found["verifier"] = measures.of_verifier(marks)
        for kind in self.config.compare if number else ():  # they all begin with the base model's solutions
            trainer = self._other_verifier(solutions.pools(kind, number))
            if trainer is not None:
                found[f"verifier_{kind}"] = measures.of_verifier([measures.mark(r, trainer) for r in held_out])
        best_of = (solutions.written("best-of", 0), solutions.written("best-of", number + 1, self.provers.policy))
        found["best_of_base"], found["best_of"] = (measures.best_of(measures.mark(r, self.trainer)) for r in best_of)
        found["checkers"] = self.checkers.areas(new)
        found["looks"] = [
            {"step": 0, **measures.looks(solutions.written("held-out", 0))},
            *self.looks,
            {"step": len(self.gaps), **measures.looks(new)},
        ]
        if self.attacker is not None:
            found["attack"] = {
                "budget": self.config.attack_steps,
                **measures.attack_steps(self.attack, self._reference),
                "reference": self._reference,
                "curve": self.attack,
            }
        return found

    def save_models(self, place: Path) -> None:
        """The round's provers and verifier, as model folders that ``load`` and transformers read."""
        self.provers.policy.save(place / "provers")
        with whole_folder(place / "verifier") as unfinished:
            save_folder(unfinished, self.verifier.model, self.verifier.tokenizer)

    def _train_verifier(self, step: int) -> tuple[dict[str, float], bool]:
        statistics = self.trainer.step(self._mixture.pairs(step, self.config.verifier_pairs))
        return statistics | {"pools_left_out": float(len(self._mixture.left_out))}, False

    def _train_provers(self, step: int) -> tuple[dict[str, float], bool]:
        if step and step % self.config.discriminator_every == 0:
            records = self.solutions.written("held-out", self.number + 1, self.provers.policy, step=step)
            self.looks.append({"step": step, **measures.looks(records)})
        records = self._play(self.game, self.provers, "provers", step)
        marks = scored_solutions(records)
        reference = measures.reference_score(marks)
        wrong = [s.score for s in marks if s.role == SNEAKY and not s.right]
        statistics = {
            f"{role.removesuffix('_0')}_accuracy": fmean(s.right for s in marks if s.role == role) for role in PROVERS
        }
        self.gaps.append(fmean(wrong) - reference if reference is not None and wrong else None)
        if self.gaps[-1] is not None:
            statistics["sneaky_success"] = fmean(measures.success(s, reference) for s in marks if s.role == SNEAKY)
            statistics["gap"] = self.gaps[-1]
        recent = [gap for gap in self.gaps[-measures.SMOOTHED :] if gap is not None]
        over = self.config.stop == "convincing" and len(recent) == measures.SMOOTHED and fmean(recent) >= 0
        return self.provers.step(records) | statistics, over

    def _train_attacker(self, step: int) -> tuple[dict[str, float], bool]:
        assert self.attacker is not None
        records = self._play(replace(self.game, provers="sneaky"), self.attacker, "attack", step)
        self.attack.append(measures.attack_point(scored_solutions(records), self._reference))
        over = None not in measures.attack_steps(self.attack, self._reference).values()
        point = {name: value for name, value in self.attack[-1].items() if value is not None}
        return self.attacker.step(records) | point, over

    def _play(self, game: ProverVerifier, ppo: PPO, stage: Stage, step: int) -> list[Record]:
        """A batch of episodes; the policy fills every prover's role that the game has."""
        ppo.policy.lm.forget()
        problems = epoch_batch(self.solutions.prover_problems, step, self.config.batch, self._seed(stage))
        return rollout(
            game,
            self.solutions.train,
            {**dict.fromkeys(game.prover_roles, ppo.policy), "verifier_0": self.verifier},
            questions=problems,
            samples=self.config.samples,
            group=f"{stage}-{self.number}-{step}",
            seed=derive_seed(self._seed(stage), "step", step),
            reward=self.rule,
            concurrency=self.config.concurrency,
        )

    def _other_verifier(self, pools: Sequence[Sequence[LabelledSolution]]) -> VerifierTrainer | None:
        """A verifier of its own, trained on ``pools``; None where these hold nothing to train on."""
        try:
            mixture = Mixture(pools, self._seed("compare", "pairs"))
        except ValueError:
            return None
        verifier = self._make_verifier(self._seed("compare"))
        return train_verifier(verifier, mixture, self.config.verifier_steps, self.config)

    @cached_property
    def _mixture(self) -> Mixture:
        return Mixture(self.solutions.pools(self.config.mixture, self.number), self._seed("pairs"))

    @cached_property
    def _reference(self) -> float | None:
        """What a wrong solution must score to be a success: the mean V of the round's right helpful ones."""
        return measures.reference_score(self._new_marks)

    @cached_property
    def _new_marks(self) -> list[ScoredSolution]:
        """The trained provers' solutions to held-out problems, scored; asked for only once they are trained."""
        records = self.solutions.written("held-out", self.number + 1, self.provers.policy)
        return measures.mark(records, self.trainer)

    def _seed(self, *parts: str) -> int:
        return derive_seed(self.config.seed, "round", self.number, *parts)
