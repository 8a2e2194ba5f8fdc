"""A tournament of eight tiny debaters whose order is known: does it find the order?

``--debaters scripts``: each says, with probability p, a line that would settle the matter for its side (made up, so
marked as not in the story), else nothing to the point. A tiny language model judges, ``tiny-stories-judge``, which
believes such lines rather often: the ratings should rise with p.

``--debaters checkpoints``: one debater at eight steps of a training run (``tiny_debate``, some four minutes). The judge
is ``tiny-stories-heldout``, which none of them was trained against: the ratings should rise with the step.

    python examples/tournament.py --out runs/tournament
    python examples/tournament.py --debaters checkpoints --questions 500 --out runs/checkpoints
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from oversight_envs.agents import LanguageModelAgent, ScriptedAgent
from oversight_envs.core.question import Question
from oversight_envs.core.requests import Turn
from oversight_envs.core.seeding import derive_seed
from oversight_envs.evaluation import elo, rate
from oversight_envs.evaluation.ratings import Ratings
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


def checkpoints(agents: int, folder: Path, *, seed: int = 0, **settings: Any) -> dict[str, LanguageModelAgent]:
    """The debater at so many steps of a training run, from the first to the last; goes on where it was stopped."""
    from oversight_envs.training.recipes.debate.tiny import MAX_NEW_TOKENS, tiny_debate

    run = tiny_debate(folder, seed=seed, evaluations=agents, **settings)
    places = {step: folder / f"debater-{step:03d}" for step in run.config.evaluated()}

    def keep(step: int, _: Mapping[str, float] | None = None) -> None:
        if step in places:
            run.policy.save(places[step])

    if not places[0].exists():
        keep(0)
    run.run(keep)
    return {
        f"step {step:03d}": LanguageModelAgent(str(place), max_new_tokens=MAX_NEW_TOKENS)
        for step, place in places.items()
    }


def known_order(
    agents: Mapping[str, Any],
    judge: str,
    questions: int,
    out: Path,
    *,
    schedule: Any = "round-robin",
    seed: int = 0,
) -> Ratings:
    task = Stories("test")
    played = tournament(
        Debate(wording="tiny_debate", both_orders=True),
        task,
        agents,
        {"judge_0": judge},
        questions=task.sample(questions, seed=seed),
        schedule=schedule,
        self_play=True,
        out=out,
        reuse=True,  # a script that knows all questions is another for more of them
        seed=seed,
        concurrency=256,
    )
    return rate(played)


def show(ratings: Ratings, order: Sequence[str]) -> None:
    """Prints the table, and how far it is in the known order, the weakest first."""
    for name, agent in ratings.agents.items():
        low, high = elo(agent.rating).interval or (float("nan"), float("nan"))
        shares = [agent.wins_right, agent.wins_wrong, agent.self_play_accuracy]
        found = f"{elo(agent.rating).value:+.0f} [{low:+.0f}, {high:+.0f}]"
        print(f"| {name} | {found} | {' | '.join(share.text('percent') for share in shares)} |")
    for of, worth in ratings.advantages.items():
        print(f"worth of {of}: {worth.text('signed')} log-odds")
    intervals = [ratings.agents[name].rating.interval for name in order]
    pairs = [(one, two) for place, two in enumerate(intervals) for one in intervals[:place] if one and two]
    above = sum(two[0] > one[1] for one, two in pairs)
    below = sum(two[1] < one[0] for one, two in pairs)
    print(f"in the known order: {sorted(order, key=list(ratings.agents).index) == list(order)[::-1]}")
    print(f"pairs with intervals apart: {above + below} of {len(pairs)}, {below} of them the wrong way round")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--debaters", default="scripts", choices=["scripts", "checkpoints"])
    parser.add_argument("--agents", type=int, default=8)
    parser.add_argument("--questions", type=int, default=150)
    parser.add_argument("--schedule", default="round-robin", choices=["round-robin", "swiss"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/tournament"))
    args = parser.parse_args()
    if args.debaters == "checkpoints":
        agents: dict[str, Any] = dict(checkpoints(args.agents, args.out / "training", seed=args.seed))
        judge = "tiny-stories-heldout"
    else:
        chosen = Stories("test").sample(args.questions, seed=args.seed)
        agents = {f"p={p:.2f}": debater(float(p), chosen) for p in np.linspace(0, 1, args.agents)}
        judge = "tiny-stories-judge"
    ratings = known_order(agents, judge, args.questions, args.out, schedule=args.schedule, seed=args.seed)
    show(ratings, list(agents))
    (args.out / "ratings.png").write_bytes(draw_ratings(ratings))


if __name__ == "__main__":
    main()
