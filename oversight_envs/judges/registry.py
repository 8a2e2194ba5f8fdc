"""Judges and verifiers by name, as the command line and configuration files give them: ``kind:model``."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

_JUDGES = {"logit": "oversight_envs.judges.language_model:LogitJudge"}
_VERIFIERS = {
    "logit": "oversight_envs.judges.language_model:LogitVerifier",
    "reward-model": "oversight_envs.judges.reward_model:RewardModelVerifier",
}
"""Kind -> its class, by name: these modules need torch, and naming a judge costs nothing."""


def judge_names() -> dict[str, list[str]]:
    """What kinds of judges and verifiers there are."""
    return {"judges": sorted(_JUDGES), "verifiers": sorted(_VERIFIERS)}


def make_judge(spec: str) -> Any:
    """A judge from ``logit:MODEL``, or ``MODEL`` alone for the logit judge. Raises ValueError for an unknown kind."""
    return _make(spec, _JUDGES, "judge")


def make_verifier(spec: str) -> Any:
    """A verifier from ``logit:MODEL`` or ``reward-model:MODEL``, or ``MODEL`` alone for the logit verifier."""
    return _make(spec, _VERIFIERS, "verifier")


def _make(spec: str, kinds: dict[str, str], what: str) -> Any:
    kind, colon, model = spec.partition(":")
    if not colon:
        kind, model = "logit", spec
    if kind not in kinds or not model:
        raise ValueError(f"{what}={spec!r}: give KIND:MODEL with KIND one of {', '.join(kinds)}, or a model alone")
    module, _, name = kinds[kind].partition(":")
    try:
        make: Callable[[str], Any] = getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        raise ImportError(f"{spec} needs the package {error.name!r}: pip install 'oversight-envs[models]'") from error
    return make(model)
