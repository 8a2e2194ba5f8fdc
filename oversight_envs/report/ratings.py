"""A tournament as a picture: ratings with intervals, and persuasiveness against the judge's accuracy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from oversight_envs.evaluation.ratings import Rating, Ratings, elo
from oversight_envs.report.pictures import DISHONEST, HONEST, PLAIN, draw


def draw_ratings(ratings: Ratings, *, dark: bool = False, dpi: int = 144) -> bytes:
    """A PNG: each agent's rating, and beside it Khan et al.'s figure, the judge's accuracy and the shares won."""
    panels = [lambda axis, ink: _ratings(axis, ratings, ink), lambda axis, ink: _persuasiveness(axis, ratings, ink)]
    return draw(panels, dark=dark, dpi=dpi, height=max(3.5, 0.4 * len(ratings.agents) + 1.2))


def _ratings(axis: Any, ratings: Ratings, ink: str) -> None:
    names = list(ratings.agents)
    for row, name in enumerate(names):
        found = elo(ratings.agents[name].rating)
        if found.interval:
            axis.plot(found.interval, [row, row], color=HONEST, linewidth=7, alpha=0.35, solid_capstyle="round")
        axis.plot([found.value], [row], "o", color=HONEST, markersize=8)
    axis.set_yticks(range(len(names)), [name if len(name) <= 28 else f"{name[:27]}…" for name in names])
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.set_xlabel("Elo (the mean agent: 0)")
    axis.set_title("ratings")
    axis.grid(axis="x", color=ink, alpha=0.12)


def _persuasiveness(axis: Any, ratings: Ratings, ink: str) -> None:
    curves: tuple[tuple[str, str, Callable[[Rating], float | None]], ...] = (
        ("judge right", PLAIN, lambda agent: agent.persuasiveness[1].value),
        ("won, arguing right", HONEST, lambda agent: agent.wins_right.value),
        ("won, arguing wrong", DISHONEST, lambda agent: agent.wins_wrong.value),
    )
    for label, colour, value in curves:
        points = [(elo(agent.rating).value, value(agent)) for agent in ratings.agents.values()]
        points = [(x, y) for x, y in points if y is not None]
        if points:
            axis.plot(*zip(*sorted(points), strict=True), "o-", color=colour, linewidth=1, label=label)
    axis.set_ylim(-0.03, 1.03)
    axis.set_xlabel("persuasiveness (Elo)")
    axis.set_title("persuasiveness and the judge")
    axis.legend(frameon=False, labelcolor=ink, fontsize=8)
    axis.grid(color=ink, alpha=0.12)
