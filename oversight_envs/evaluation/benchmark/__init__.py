"""A model's profile: how it does as debater, judge, prover and verifier in a fixed suite of games."""

from oversight_envs.evaluation.benchmark.compare import compare_profiles
from oversight_envs.evaluation.benchmark.plan import find_suite, plan_suite
from oversight_envs.evaluation.benchmark.profile import Profile
from oversight_envs.evaluation.benchmark.run import run_suite

__all__ = ["Profile", "compare_profiles", "find_suite", "plan_suite", "run_suite"]
