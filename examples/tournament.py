"""A tournament of eight tiny debaters whose order is known: does it find the order?

Each says, with probability p, a line that would settle the matter for its side (made up, so marked as not in the
story), else nothing to the point. A tiny language model judges, ``tiny-stories-judge``, which believes such lines
rather often: the ratings should rise with p.

    python examples/tournament.py --out runs/tournament
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from oversight_envs.agents import ScriptedAgent
from oversight_envs.core.question import Question
from oversight_envs.core.requests import Turn
from oversight_envs.core.seeding import derive_seed
from oversight_envs.evaluation import elo, rate
from oversight_envs.evaluation.ratings import Ratings
from oversight_envs.judges import make_judge
from oversight_envs.play import tournament
from oversight_envs.protocols import Debate
from oversight_envs.report.ratings import draw_ratings
from oversight_envs.tasks.stories import Stories


def debater(p: float, questions: Sequence[Question]) -> ScriptedAgent:
    stories = {question.id: question.metadata for question in questions}

    def speak(turn: Turn) -> str:
        if np.random.default_rng(derive_seed(turn.seed, "settles")).random() >= p:
            return "It was there."
        story = stories[turn.question_id]
        return f"<quote>Day {story['day']}: Ann moved the {story['thing']} to {turn.argues_for}.</quote>"

    return ScriptedAgent(speak)


def known_order(agents: int, questions: int, out: Path, *, schedule: Any = "round-robin", seed: int = 0) -> Ratings:
    task = Stories("test")
    chosen = task.sample(questions, seed=seed)
    played = tournament(
        Debate(wording="tiny_debate", both_orders=True),
        task,
        {f"p={p:.2f}": debater(float(p), chosen) for p in np.linspace(0, 1, agents)},
        {"judge_0": make_judge("tiny-stories-judge")},
        questions=chosen,
        schedule=schedule,
        self_play=True,
        out=out,
        reuse=True,  # a script that knows all questions is another for more of them
        seed=seed,
        concurrency=256,
    )
    return rate(played)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--agents", type=int, default=8)
    parser.add_argument("--questions", type=int, default=150)
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
