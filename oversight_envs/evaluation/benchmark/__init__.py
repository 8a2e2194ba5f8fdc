"""A model's profile: how it does as debater, judge, prover and verifier in a fixed suite of games."""

from oversight_envs.evaluation.benchmark.compare import compare_profiles
from oversight_envs.evaluation.benchmark.plan import find_suite, plan
from oversight_envs.evaluation.benchmark.profile import Profile, run

__all__ = ["Profile", "compare_profiles", "find_suite", "plan", "run"]
