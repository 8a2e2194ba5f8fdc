"""Judges and verifiers by name, as the command line and configuration files give them: ``KIND:MODEL``.

A model may itself be a name with a colon in it (``openai:MODEL@URL``, ``vllm:MODEL``, ``llama:FILE``); ``reasoning``
takes a judge in its place too (``reasoning:stated:MODEL``): who then decides. A ``panel`` takes several,
``panel:KIND:MODEL+KIND:MODEL``: a ``+`` parts them where a kind and a colon follow it, so models, folders and URLs may
have one in them. ``ranking:MODEL`` is neither judge nor verifier: it orders samples, as a reward.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from oversight_envs.models.api.address import MEMBER, is_api_spec, without_secrets
from oversight_envs.models.llama.address import is_llama_spec
from oversight_envs.models.vllm.address import is_vllm_spec

_MADE_OF_PLAYERS = {
    "panel": "oversight_envs.judges.panel:PanelJudge",
    "stated": "oversight_envs.judges.words:StatedJudge",
    "sampled": "oversight_envs.judges.words:SampledJudge",
    "reasoning": "oversight_envs.judges.words:ReasoningJudge",
}
_JUDGES = {
    "logit": "oversight_envs.judges.language_model:LogitJudge",
    "reward-model": "oversight_envs.judges.reward_model:RewardModelJudge",
    **_MADE_OF_PLAYERS,
}
_VERIFIERS = {
    "logit": "oversight_envs.judges.language_model:LogitVerifier",
    "reward-model": "oversight_envs.judges.reward_model:RewardModelVerifier",
    **_MADE_OF_PLAYERS,
}
_API_JUDGES = {"logit": "oversight_envs.judges.api:ApiLogitJudge", **_MADE_OF_PLAYERS}
_API_VERIFIERS = {"logit": "oversight_envs.judges.api:ApiLogitVerifier", **_MADE_OF_PLAYERS}
"""Kind -> its class, by name: these modules need torch, and naming a judge costs nothing."""
RANKING = "ranking"


def judge_names() -> dict[str, list[str]]:
    """What kinds of judges and verifiers there are, and of those that order samples."""
    return {"judges": sorted(_JUDGES), "verifiers": sorted(_VERIFIERS), "rankers": [RANKING]}


def model_of(spec: str) -> str:
    """The model in the name of a judge or verifier: who speaks where the judge asks, too. Of a panel, the first."""
    while (parted := spec.partition(":"))[0] in {*_JUDGES, *_VERIFIERS} and parted[2]:
        spec = MEMBER.split(parted[2])[0] if parted[0] == "panel" else parted[2]
    return spec


def make_judge(spec: str) -> Any:
    """A judge from ``KIND:MODEL``, or ``MODEL`` alone for the logit judge. Raises ValueError for an unknown kind."""
    return _make(spec, _JUDGES, _API_JUDGES, "judge")


def make_verifier(spec: str) -> Any:
    """A verifier from ``KIND:MODEL``, or ``MODEL`` alone for the logit verifier; else as ``make_judge``."""
    return _make(spec, _VERIFIERS, _API_VERIFIERS, "verifier")


def make_ranker(spec: str) -> Any:
    """A ranking judge from ``ranking:MODEL``, which writes the order, or ``ranking:KIND:MODEL``, which chooses."""
    kind, _, player = spec.partition(":")
    if kind != RANKING or not player:
        raise ValueError(f"ranker={without_secrets(spec)!r}: give ranking:MODEL, or ranking:KIND:MODEL for a judge")
    make: Callable[..., Any] = import_module("oversight_envs.judges.ranking").RankingJudge  # by name: it names judges
    return make(player)


def _make(spec: str, kinds: Mapping[str, str], api_kinds: Mapping[str, str], what: str) -> Any:
    plain = is_api_spec(spec) or is_vllm_spec(spec) or is_llama_spec(spec)
    kind, colon, model = ("logit", ":", spec) if plain else spec.partition(":")
    if not colon:
        kind, model = "logit", spec
    shown = without_secrets(spec)
    if kind == RANKING:
        raise ValueError(
            f"{what}={shown!r}: a ranking orders samples of one question and decides nothing alone: give it as a "
            "reward (rollout(samples=8, group='...', reward='ranking:MODEL')) or to BestOfNAgent"
        )
    if kind not in kinds or not model:
        raise ValueError(f"{what}={shown!r}: give KIND:MODEL with KIND one of {', '.join(kinds)}, or a model alone")
    members = MEMBER.split(model) if kind == "panel" else []
    if kind == "panel" and (len(members) < 2 or any(member.startswith("panel:") for member in members)):
        raise ValueError(
            f"{what}={shown!r}: a panel has two members or more, none of them a panel, each with its kind: "
            "panel:KIND:MODEL+KIND:MODEL"
        )
    if not members and is_api_spec(model_of(model)):
        kinds = api_kinds
        if kind not in kinds:
            raise ValueError(f"{what}={shown!r}: a server's model can't be one; give one of {', '.join(kinds)}")
    module, _, name = kinds[kind].partition(":")
    try:
        make: Callable[..., Any] = getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        raise ImportError(f"{shown} needs the package {error.name!r}: pip install 'oversight-envs[models]'") from error
    if members:
        return make([_make(member, kinds, api_kinds, what) for member in members])
    if kind == "reasoning":
        if model.startswith("panel:"):
            raise ValueError(
                f"{what}={shown!r}: whose thoughts? Give reasoning:MODEL, or ReasoningJudge(speaker, panel)"
            )
        return make(model_of(model), _make(model, kinds, api_kinds, what))
    return make(model)
