"""The shape of a run of the prover-verifier recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from oversight_envs._options import make_plain
from oversight_envs.core.checks import at_least, not_negative, one_of
from oversight_envs.protocols.prover_verifier import PROVERS
from oversight_envs.training.ppo import PPOConfig
from oversight_envs.training.verifiers import VerifierConfig

Stage = Literal["verifier", "provers", "attack"]
MixtureKind = Literal["all", "latest", "base", "fixed"]
MIXTURES = ("all", "latest", "base", "fixed")
HELPFUL, SNEAKY = PROVERS


@dataclass(frozen=True, kw_only=True)
class ProverVerifierConfig:
    """The shape of a run."""

    rounds: int = 6
    """The paper has six, numbered from 0."""
    verifier_problems: int = 500
    """Problems whose solutions verifiers are trained on."""
    prover_problems: int = 1000
    """Problems that provers are trained on; none of them is a verifier's."""
    held_out: int = 250
    """Problems to measure on, of another split."""
    solutions: int = 2
    """Solutions that each prover writes to each verifier problem after a round."""
    held_out_solutions: int = 4
    """The same, to each held-out problem."""
    best_of_solutions: int = 32
    """Solutions that the helpful prover writes to each held-out problem for balanced best-of-n, n up to as many."""
    mixture: MixtureKind = "all"
    """Whose solutions a verifier is trained on: those of the base model and ``all`` rounds so far, an equal share each;
    of the ``latest`` round alone; of the ``base`` model alone, as many as ``all`` would have; or, with ``fixed``, of
    all rounds but of each problem no more in total than one round gives: later rounds replace a part of it."""
    compare: tuple[MixtureKind, ...] = ()
    """Further mixtures: each round after the first, in which all mixtures are the same, also trains a verifier on each
    of them, as long, and measures it on the same solutions. Nobody plays against it."""
    verifier_steps: int = 250
    verifier_pairs: int = 64
    """Pairs of a right and a wrong solution in each step."""
    prover_steps: int = 80
    """RL steps of a round."""
    batch: int = 24
    """Problems in one RL step."""
    samples: int = 4
    """Solutions to each by each prover: every problem is solved in both roles, so roles are exactly balanced."""
    stop: Literal["steps", "convincing"] = "steps"
    """When a round's provers are done: after ``prover_steps``, or earlier, once wrong sneaky solutions score as high as
    right helpful ones (the paper's other rule), as means over 5 steps."""
    attack_steps: int = 0
    """Most RL steps of the attacker that measures how robust a verifier is; 0 measures nothing."""
    discriminator_every: int = 20
    """RL steps of provers from one measure of how their solutions look to the next."""
    checkers: int = 3
    """Verifiers that take no part in the game and are trained once (see ``checkers.py``)."""
    checker_steps: int = 100
    """Their training steps."""
    reward: str = "src"
    """The provers' reward: see ``rewards.py``."""
    unreadable: float | None = None
    """What a solution without a readable final answer earns, in place of ``reward``."""
    cost_per_token: float = 0.0
    """What each token costs a prover."""
    ppo: PPOConfig = field(default_factory=PPOConfig)
    verifier: VerifierConfig = field(default_factory=VerifierConfig)
    seed: int = 0
    concurrency: int = 128
    """Episodes in flight."""
    checkpoint_every: int = 20
    """Steps between checkpoints."""

    def __post_init__(self) -> None:
        make_plain(self)
        at_least("seed", self.seed, 0)
        for name in (
            "rounds", "verifier_problems", "prover_problems", "held_out", "solutions", "held_out_solutions",
            "best_of_solutions", "verifier_steps", "prover_steps", "batch", "samples", "discriminator_every",
            "checkers", "checker_steps", "concurrency", "checkpoint_every",
        ):  # fmt: skip
            at_least(name, getattr(self, name), 1)
        at_least("attack_steps", self.attack_steps, 0)
        at_least("verifier_pairs", self.verifier_pairs, self.rounds)  # one for each pool
        not_negative("cost_per_token", self.cost_per_token)
        one_of("stop", self.stop, ("steps", "convincing"))
        for kind in (self.mixture, *self.compare):
            one_of("mixture", kind, MIXTURES)
        if self.prover_problems < self.batch:
            raise ValueError(f"prover_problems={self.prover_problems} are fewer than a batch of {self.batch}")
        if self.ppo.estimator in ("rloo", "grpo") and self.samples < 2:
            raise ValueError(f"samples={self.samples}: estimator {self.ppo.estimator!r} compares at least 2")
        if self.reward == "src" and self.samples < 2:
            raise ValueError(
                f"samples={self.samples}: reward 'src' compares at least 2 solutions of a problem and role"
            )

    @property
    def stages(self) -> Mapping[Stage, int]:
        """The stages of a round and their (most) steps."""
        return {"verifier": self.verifier_steps, "provers": self.prover_steps, "attack": self.attack_steps}

    @property
    def round_steps(self) -> int:
        return sum(self.stages.values())

    @property
    def steps(self) -> int:
        """The steps of a run; a stage that ends early counts as done in full."""
        return self.rounds * self.round_steps
