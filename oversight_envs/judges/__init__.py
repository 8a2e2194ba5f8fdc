"""What can decide, score and rank: language models (servers' too), reward models, panels, functions, and an oracle.

A judge gives log-probabilities, a verifier real numbers. One that can't read its own output raises; it never answers 0
or one half instead. The classes that need torch are imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oversight_envs._lazy import lazy_attributes
from oversight_envs.judges.functions import CallableJudge, OracleJudge
from oversight_envs.judges.panel import PanelJudge, member_verdicts
from oversight_envs.judges.ranking import Group, RankingJudge, RankingReward
from oversight_envs.judges.registry import judge_names, make_judge, make_ranker, make_verifier
from oversight_envs.judges.words import ReasoningJudge, SampledJudge, StatedJudge

if TYPE_CHECKING:
    from oversight_envs.judges.api import ApiLogitJudge, ApiLogitVerifier
    from oversight_envs.judges.language_model import LogitJudge, LogitVerifier
    from oversight_envs.judges.reward_model import RewardModelJudge, RewardModelVerifier

__all__ = [
    "ApiLogitJudge",
    "ApiLogitVerifier",
    "CallableJudge",
    "Group",
    "LogitJudge",
    "LogitVerifier",
    "OracleJudge",
    "PanelJudge",
    "RankingJudge",
    "RankingReward",
    "ReasoningJudge",
    "RewardModelJudge",
    "RewardModelVerifier",
    "SampledJudge",
    "StatedJudge",
    "judge_names",
    "make_judge",
    "make_ranker",
    "make_verifier",
    "member_verdicts",
]

__getattr__: Any = lazy_attributes(
    __name__,
    {
        "ApiLogitJudge": "oversight_envs.judges.api",
        "ApiLogitVerifier": "oversight_envs.judges.api",
        "LogitJudge": "oversight_envs.judges.language_model",
        "LogitVerifier": "oversight_envs.judges.language_model",
        "RewardModelJudge": "oversight_envs.judges.reward_model",
        "RewardModelVerifier": "oversight_envs.judges.reward_model",
    },
)
