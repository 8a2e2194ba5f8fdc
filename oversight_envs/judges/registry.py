"""Judges and verifiers by name, as the command line and configuration files give them: ``KIND:MODEL``.

A model may itself be a name with a colon in it (``openai:MODEL@URL``, ``vllm:MODEL``); ``reasoning`` takes a judge in
its place too (``reasoning:stated:MODEL``): who then decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from oversight_envs.models.api.address import is_api_spec, without_secrets
from oversight_envs.models.vllm.address import is_vllm_spec

_IN_WORDS = {
    "stated": "oversight_envs.judges.words:StatedJudge",
    "sampled": "oversight_envs.judges.words:SampledJudge",
    "reasoning": "oversight_envs.judges.words:ReasoningJudge",
}
_JUDGES = {"logit": "oversight_envs.judges.language_model:LogitJudge", **_IN_WORDS}
_VERIFIERS = {
    "logit": "oversight_envs.judges.language_model:LogitVerifier",
    "reward-model": "oversight_envs.judges.reward_model:RewardModelVerifier",
    **_IN_WORDS,
}
_API_JUDGES = {"logit": "oversight_envs.judges.api:ApiLogitJudge", **_IN_WORDS}
_API_VERIFIERS = {"logit": "oversight_envs.judges.api:ApiLogitVerifier", **_IN_WORDS}
"""Kind -> its class, by name: these modules need torch, and naming a judge costs nothing."""


def judge_names() -> dict[str, list[str]]:
    """What kinds of judges and verifiers there are."""
    return {"judges": sorted(_JUDGES), "verifiers": sorted(_VERIFIERS)}


def model_of(spec: str) -> str:
    """The model in the name of a judge or verifier: who speaks where the judge asks, too."""
    while (parted := spec.partition(":"))[0] in {*_JUDGES, *_VERIFIERS} and parted[2]:
        spec = parted[2]
    return spec


def make_judge(spec: str) -> Any:
    """A judge from ``KIND:MODEL``, or ``MODEL`` alone for the logit judge. Raises ValueError for an unknown kind."""
    return _make(spec, _JUDGES, _API_JUDGES, "judge")


def make_verifier(spec: str) -> Any:
    """A verifier from ``KIND:MODEL``, or ``MODEL`` alone for the logit verifier; else as ``make_judge``."""
    return _make(spec, _VERIFIERS, _API_VERIFIERS, "verifier")


def _make(spec: str, kinds: Mapping[str, str], api_kinds: Mapping[str, str], what: str) -> Any:
    plain = is_api_spec(spec) or is_vllm_spec(spec)
    kind, colon, model = ("logit", ":", spec) if plain else spec.partition(":")
    if not colon:
        kind, model = "logit", spec
    shown = without_secrets(spec)
    if kind not in kinds or not model:
        raise ValueError(f"{what}={shown!r}: give KIND:MODEL with KIND one of {', '.join(kinds)}, or a model alone")
    if is_api_spec(model_of(model)):
        kinds = api_kinds
        if kind not in kinds:
            raise ValueError(f"{what}={shown!r}: a server's model can't be one; give one of {', '.join(kinds)}")
    module, _, name = kinds[kind].partition(":")
    try:
        make: Callable[..., Any] = getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        raise ImportError(f"{shown} needs the package {error.name!r}: pip install 'oversight-envs[models]'") from error
    if kind == "reasoning":
        return make(model_of(model), _make(model, kinds, api_kinds, what))
    return make(model)
