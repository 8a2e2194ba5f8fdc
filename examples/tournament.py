"""A tournament of eight tiny debaters whose order is known: does it find the order?

Each is a mixture: with probability p it is ``tiny-stories-debater``, who was warmed up to quote a line of the story
that speaks for its answer, else someone who quotes any line. Judged by ``tiny-stories-judge``. Ratings should rise
with p.

    python examples/tournament.py --out runs/tournament
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from oversight_envs.agents import LanguageModelAgent, ScriptedAgent
from oversight_envs.core.requests import Speaker, Turn
from oversight_envs.core.seeding import derive_seed
from oversight_envs.evaluation import elo, rate
from oversight_envs.evaluation.ratings import Ratings
from oversight_envs.judges import make_judge
from oversight_envs.play import tournament
from oversight_envs.protocols import Debate
from oversight_envs.report.ratings import draw_ratings
from oversight_envs.tasks.stories import Stories


class Mixture:
    """Speaks as ``good`` with probability ``p``, else as ``bad``; each turn draws for itself."""

    def __init__(self, good: Speaker, bad: Speaker, p: float) -> None:
        self.good, self.bad, self.p = good, bad, p

    def speak(self, turns: list[Turn]) -> list[Any]:
        good = [np.random.default_rng(derive_seed(turn.seed, "who")).random() < self.p for turn in turns]
        said = {
            True: iter(self.good.speak([turn for turn, is_good in zip(turns, good, strict=True) if is_good])),
            False: iter(self.bad.speak([turn for turn, is_good in zip(turns, good, strict=True) if not is_good])),
        }
        return [next(said[is_good]) for is_good in good]

    @property
    def description(self) -> dict[str, Any]:
        return {"type": "mixture", "p": self.p}


def any_line(turn: Turn) -> str:
    lines = turn.passage.splitlines()
    return f"<quote>{lines[np.random.default_rng(derive_seed(turn.seed, 'line')).integers(len(lines))]}</quote>"


def known_order(agents: int, questions: int, out: Path, *, schedule: Any = "round-robin", seed: int = 0) -> Ratings:
    good = LanguageModelAgent("tiny-stories-debater", max_new_tokens=12, temperature=0.7)
    mixtures = {f"p={p:.2f}": Mixture(good, ScriptedAgent(any_line), float(p)) for p in np.linspace(0, 1, agents)}
    played = tournament(
        Debate(wording="tiny_debate", both_orders=True),
        Stories("test"),
        mixtures,
        {"judge_0": make_judge("tiny-stories-judge")},
        questions=questions,
        schedule=schedule,
        self_play=True,
        out=out,
        seed=seed,
        concurrency=256,
    )
    return rate(played)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--agents", type=int, default=8)
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--schedule", default="round-robin", choices=["round-robin", "swiss"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/tournament"))
    args = parser.parse_args()
    ratings = known_order(args.agents, args.questions, args.out, schedule=args.schedule, seed=args.seed)
    for name, agent in ratings.agents.items():
        shares = [agent.wins, agent.wins_right, agent.wins_wrong, agent.self_play_accuracy]
        print(
            name,
            f"{elo(agent.rating).value:+.0f} Elo",
            agent.rating.text("signed"),
            *(s.text("percent") for s in shares),
        )
    for of, worth in ratings.advantages.items():
        print(f"worth of {of}: {worth.text('signed')} log-odds")
    print(f"in the order of p: {list(ratings.agents) == sorted(ratings.agents, reverse=True)}")
    (args.out / "ratings.png").write_bytes(draw_ratings(ratings))
