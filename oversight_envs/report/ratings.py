"""A tournament as a picture: ratings with intervals, and persuasiveness against the judge's accuracy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from oversight_envs.evaluation.ratings import Rating, Ratings, elo
from oversight_envs.report.pictures import DISHONEST, HONEST, PLAIN, dress, save


def draw_ratings(ratings: Ratings, *, dark: bool = False, dpi: int = 144) -> bytes:
    """A PNG: each agent's rating, and beside it Khan et al.'s figure, the judge's accuracy and the shares won."""
    names = list(ratings.agents)

    def fill(figure: Any, ink: str, paper: str) -> None:
        left, right = figure.subplots(1, 2)
        for row, name in enumerate(names):
            found = elo(ratings.agents[name].rating)
            if found.interval:
                left.plot(found.interval, [row, row], color=HONEST, linewidth=7, alpha=0.35, solid_capstyle="round")
            left.plot([found.value], [row], "o", color=HONEST, markersize=8)
        left.set_yticks(range(len(names)), [name if len(name) <= 28 else f"{name[:27]}…" for name in names])
        left.set_ylim(len(names) - 0.4, -0.6)
        left.set_xlabel("Elo (the mean agent: 0)")
        left.set_title("ratings")
        left.grid(axis="x", color=ink, alpha=0.12)
        curves: tuple[tuple[str, str, Callable[[Rating], float | None]], ...] = (
            ("judge right", PLAIN, lambda agent: agent.persuasiveness[1].value),
            ("won, arguing right", HONEST, lambda agent: agent.wins_right.value),
            ("won, arguing wrong", DISHONEST, lambda agent: agent.wins_wrong.value),
        )
        for label, colour, value in curves:
            points = [(elo(agent.rating).value, value(agent)) for agent in ratings.agents.values()]
            points = [(x, y) for x, y in points if y is not None]
            if points:
                right.plot(*zip(*sorted(points), strict=True), "o-", color=colour, linewidth=1, label=label)
        right.set_ylim(-0.03, 1.03)
        right.set_xlabel("persuasiveness (Elo)")
        right.set_title("persuasiveness and the judge")
        right.legend(frameon=False, labelcolor=ink, fontsize=8)
        right.grid(color=ink, alpha=0.12)
        for axis in (left, right):
            dress(axis, ink, paper)

    return save((9.6, max(3.5, 0.4 * len(names) + 1.2)), fill, dark=dark, dpi=dpi)
