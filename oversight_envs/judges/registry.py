"""Judges and verifiers by name, as the command line and configuration files give them: ``kind:model``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_JUDGES = {"logit": "LogitJudge"}
_VERIFIERS = {"logit": "LogitVerifier", "reward-model": "RewardModelVerifier"}


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
    from oversight_envs import judges

    kind, colon, model = spec.partition(":")
    if not colon:
        kind, model = "logit", spec
    if kind not in kinds or not model:
        raise ValueError(f"{what}={spec!r}: give KIND:MODEL with KIND one of {', '.join(kinds)}, or a model alone")
    make: Callable[[str], Any] = getattr(judges, kinds[kind])
    return make(model)
