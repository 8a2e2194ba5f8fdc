"""The prover-verifier game in rounds: a verifier learns from all provers so far, then provers learn against it.

After Kirchner et al., *Prover-verifier games improve legibility of LLM outputs* (arXiv 2407.13692). Each round trains a
fresh verifier on balanced solutions of the base model and of every earlier round's provers, and then, from the base
weights, one policy that plays the helpful and the sneaky prover. ``measures.py`` says what is measured after it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from oversight_envs.core.players import Solution
from oversight_envs.core.protocol import at_least, one_of
from oversight_envs.core.question import Question, Task
from oversight_envs.core.record import Record
from oversight_envs.core.rewards import RewardRule, get_rule, with_costs
from oversight_envs.core.seeding import derive_seed
from oversight_envs.judges import CallableJudge, RewardModelVerifier
from oversight_envs.play import rollout
from oversight_envs.protocols import ProverVerifier
from oversight_envs.protocols.prover_verifier import PROVERS
from oversight_envs.training.checkpoint import Checkpoints, write_lines
from oversight_envs.training.config import not_negative
from oversight_envs.training.logs import MetricsLog
from oversight_envs.training.mixtures import attempts
from oversight_envs.training.policy import TextPolicy
from oversight_envs.training.ppo import PPOConfig
from oversight_envs.training.recipes.prover_verifier import measures
from oversight_envs.training.recipes.prover_verifier.round import Round
from oversight_envs.training.verifiers import Attempt, VerifierConfig

Stage = Literal["verifier", "provers", "attack"]
Source = Literal["pool", "base", "held-out"]
Kind = Literal["all", "latest", "base", "fixed"]
KINDS = ("all", "latest", "base", "fixed")
ROUNDS = "rounds.jsonl"
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
    mixture: Kind = "all"
    """Whose solutions a verifier is trained on: those of the base model and ``all`` rounds so far, an equal share each;
    of the ``latest`` round alone; of the ``base`` model alone, as many as ``all`` would have; or, with ``fixed``, of
    all rounds but no more in total than one round gives."""
    compare: tuple[Kind, ...] = ()
    """Further mixtures: each round also trains a verifier on each of them, as long, and measures it on the same
    solutions. Nobody plays against it."""
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
    probe_steps: int = 100
    """Training steps of the discriminator and of the checker (see ``measures``)."""
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
        for name in (
            "rounds", "verifier_problems", "prover_problems", "held_out", "solutions", "held_out_solutions",
            "verifier_steps", "prover_steps", "batch", "samples", "probe_steps", "concurrency",
            "checkpoint_every",
        ):  # fmt: skip
            at_least(name, getattr(self, name), 1)
        at_least("attack_steps", self.attack_steps, 0)
        at_least("verifier_pairs", self.verifier_pairs, self.rounds)  # one for each pool
        not_negative("cost_per_token", self.cost_per_token)
        one_of("stop", self.stop, ("steps", "convincing"))
        for kind in (self.mixture, *self.compare):
            one_of("mixture", kind, KINDS)
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


class Progress(NamedTuple):
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
    ) -> None:
        if train.full_name == test.full_name:
            raise ValueError(f"train and test are both {train.name!r}, split {train.split!r}: give different splits")
        if game.roles != "both":
            raise ValueError(f"game: roles={game.roles!r}; the recipe needs a game of both provers")
        game.check_task(train)
        self.config, self.game, self.train_task, self.test_task = config, game, train, test
        self.policy, self.verifier = policy, verifier
        self.verifier_problems, self.prover_problems = _disjoint(config, train)
        self.held_out = test.sample(config.held_out, seed=config.seed)
        self.folder = Path(folder)
        self.checkpoints = Checkpoints(self.folder / "checkpoints", asdict(config))
        self.rule: RewardRule = with_costs(
            get_rule(config.reward, game), per_token=config.cost_per_token, unreadable=config.unreadable
        )
        self._base = policy()
        self._solutions: dict[str, list[Record]] = {}

    def run(self, on_step: Callable[[Progress], None] | None = None) -> list[dict[str, Any]]:
        """Trains to the end, or goes on to it; what was measured, also in ``rounds.jsonl``.

        The first entry is the base model, as round -1; then comes one for each round (see ``measures``).
        ``on_step`` is called after each step, for progress bars.
        """
        position, state = self.checkpoints.latest() or (0, _new_state())
        if not state["rounds"]:
            state["rounds"].append({"round": -1, **measures.of_provers(self.solutions("held-out", 0))})
        size = self.config.round_steps
        with MetricsLog(self.folder, after=position) as log:
            for number in range(position // size, self.config.rounds):
                play = Round(self, number, state)
                if position % size:
                    self.checkpoints.load(play.parts)
                for done, stage, statistics in play.steps(position % size):
                    position = number * size + done
                    log.write(position, {f"{stage}/{name}": value for name, value in statistics.items()})
                    if done < size and position % self.config.checkpoint_every == 0:
                        self.checkpoints.save(position, play.parts, state)
                    if on_step is not None:
                        on_step(Progress(position, number, stage, statistics))
                position = (number + 1) * size
                state = {**_new_state(), "rounds": [*state["rounds"], play.measure()]}
                play.save_models()
                write_lines(self.folder / ROUNDS, state["rounds"])
                self.checkpoints.save(position, play.parts, state)
        rounds: list[dict[str, Any]] = state["rounds"]
        return rounds

    def solutions(self, kind: Source, number: int, by: TextPolicy | None = None) -> list[Record]:
        """Solutions of round ``number - 1``'s provers (0: the base model), from their file or written ``by`` a policy.

        ``pool`` are those to the verifiers' problems, ``held-out`` those to the held-out ones, ``base`` further ones of
        the base model to the verifiers' problems.
        """
        name = f"{kind}-{number}"
        if name not in self._solutions:
            policy = self._base if by is None else by
            policy.lm.forget()  # what an engine keeps changes rounding, and a resumed run has not kept it
            held_out = kind == "held-out"
            self._solutions[name] = rollout(
                self.game,
                self.test_task if held_out else self.train_task,
                {HELPFUL: policy, SNEAKY: policy, "verifier_0": CallableJudge(scores=_unscored)},
                questions=self.held_out if held_out else self.verifier_problems,
                samples=self.config.held_out_solutions if held_out else self.config.solutions,
                seed=derive_seed(self.config.seed, name),
                path=self.folder / "solutions" / f"{name}.jsonl",
                concurrency=self.config.concurrency,
            )
        return self._solutions[name]

    def pools(self, kind: Kind, number: int) -> list[list[Attempt]]:
        """The solutions that the verifier of round ``number`` is trained on, one list for each earlier round."""
        if kind == "latest":
            return [attempts(self.solutions("pool", number))]
        later: Source = "base" if kind == "base" else "pool"
        records = [self.solutions("pool", 0)] + [self.solutions(later, k) for k in range(1, number + 1)]
        if kind == "fixed":
            # by problems, so that the solutions of one stay together and make pairs
            kept = {q.id for q in self.verifier_problems[:: number + 1]}
            records = [[r for r in found if r.question.id in kept] for found in records]
        return [attempts(found) for found in records]


def _disjoint(config: ProverVerifierConfig, task: Task) -> tuple[list[Question], list[Question]]:
    """The verifiers' problems and the provers'; none is in both, not under another id either."""
    wanted = config.verifier_problems + config.prover_problems
    found = {question.text: question for question in task.sample(min(wanted * 2, len(task)), seed=config.seed)}
    if len(found) < wanted:
        raise ValueError(
            f"verifier_problems={config.verifier_problems} and prover_problems={config.prover_problems}: task "
            f"{task.name!r}, split {task.split!r}, has {len(found)} different problems; lower them"
        )
    problems = list(found.values())
    return problems[: config.verifier_problems], problems[config.verifier_problems : wanted]


def _new_state() -> dict[str, Any]:
    """What a checkpoint remembers beside the weights: finished rounds, and the present one's curves."""
    return {"rounds": [], "gaps": [], "attack": []}


def _unscored(_: Solution) -> float:
    """Solutions are collected first and scored later, by whichever verifiers want to know."""
    return 0.0
