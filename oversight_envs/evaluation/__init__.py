"""What games come to: metrics with intervals, baselines on the same questions, and a report to read."""

from oversight_envs.evaluation.comparison import Comparison
from oversight_envs.evaluation.critiques import CritiqueGaps, critique_gaps
from oversight_envs.evaluation.evaluate import Evaluation, evaluate
from oversight_envs.evaluation.metrics import Metrics, compare, measure
from oversight_envs.evaluation.ratings import Rating, Ratings, elo, rate
from oversight_envs.evaluation.rows import to_frame, to_rows
from oversight_envs.evaluation.statistics import Estimate

__all__ = [
    "Comparison",
    "CritiqueGaps",
    "Estimate",
    "Evaluation",
    "Metrics",
    "Rating",
    "Ratings",
    "compare",
    "critique_gaps",
    "elo",
    "evaluate",
    "measure",
    "rate",
    "to_frame",
    "to_rows",
]
