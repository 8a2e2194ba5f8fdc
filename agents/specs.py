"""Players by name, the same in Python and on the command line.

| name | who |
|---|---|
| a model: ``smollm2-135m``, a hub id, a folder, a .gguf file | speaks by sampling; judges by label log-odds |
| ``MODEL?OPTION=VALUE&...`` | the same with options of its chat template: ``org/name?enable_thinking=false`` |
| ``openai:MODEL``, ``openai:MODEL@URL`` | a model behind a server (``models/api``), in the place of any model |
| ``openai:MODEL?OPTION=VALUE&...@URL`` | the same with options: ``context_length=8192`` (``docs/servers.md``) |
| ``vllm:MODEL``, ``vllm:MODEL?OPTION=VALUE&...`` | a model that vLLM runs here (``models/vllm``), in the place of any |
| ``llama:FILE.gguf``, ``llama:smollm2-135m`` | a file that llama.cpp runs here (``models/llama``), for any |
| ``KIND:MODEL`` | a judge or verifier of this kind (``judges/registry.py``) |
| ``human`` | a person at the keyboard |
| ``scripted:TEXT`` | says TEXT in every turn |
| ``oracle`` | decides or scores by the truth: a dry run, and a ceiling |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from oversight_envs.agents.human import HumanAgent
from oversight_envs.agents.scripted import ScriptedAgent
from oversight_envs.agents.speaking_judge import SpeakingJudge
from oversight_envs.core.question import Question, Task
from oversight_envs.core.requests import Role, Solution
from oversight_envs.judges import CallableJudge, OracleJudge, make_judge, make_verifier
from oversight_envs.judges.registry import model_of
from oversight_envs.models.api.address import is_api_spec
from oversight_envs.tasks.final_answers import final_answer, named_option

SCRIPTED = "scripted:"
ORACLE_SCORE = 4.6
"""V of a right solution under the oracle: log-odds of 99%."""

Known = tuple[Task, Sequence[Question]]
"""The questions that an oracle is to know, and their task, which marks free-text answers."""


def make_player(spec: str, role: Role, *, knows: Known | None = None) -> Any:
    """The player called ``spec`` for a role of this kind. Raises ValueError for a name that no such role can have."""
    if spec == "human":
        return HumanAgent()
    if not role.judges:
        return make_speaker(spec)
    marker = make_marker(spec, scores="score" in role.does, knows=knows)
    if not role.speaks:
        return marker
    return SpeakingJudge(make_speaker(model_of(spec)), marker)


def make_speaker(spec: str, *, max_new_tokens: int = 256, temperature: float = 1.0) -> Any:
    """Who speaks: a model, or ``scripted:TEXT``."""
    if spec.startswith(SCRIPTED):
        return ScriptedAgent([spec.removeprefix(SCRIPTED)])
    if spec == "oracle":
        raise ValueError("an oracle judges and can't speak; give a model, human or scripted:TEXT")
    if is_api_spec(spec):
        from oversight_envs.agents.api import ApiAgent

        return ApiAgent(spec, max_new_tokens=max_new_tokens, temperature=temperature)
    from oversight_envs.agents.language_model import LanguageModelAgent

    return LanguageModelAgent(spec, max_new_tokens=max_new_tokens, temperature=temperature)


def make_marker(spec: str, *, scores: bool, knows: Known | None = None) -> Any:
    """Who decides (or, with ``scores``, who scores): a model, ``KIND:MODEL`` or ``oracle``."""
    if spec.startswith(SCRIPTED):
        raise ValueError(f"{spec}: a script can't judge; give oracle, human, or a model")
    if spec == "oracle":
        return _oracle(scores, knows)
    return make_verifier(spec) if scores else make_judge(spec)


class _Truths(dict[str, Any]):
    """What an oracle knows, by question. Which questions it knows is not what it is: each is itself compared."""

    fingerprint = "the truth"


def _oracle(scores: bool, knows: Known | None) -> Any:
    if knows is None:
        raise ValueError("an oracle must know which questions are played: give OracleJudge(answers)")
    task, questions = knows
    if unknown := [question.id for question in questions if question.truth is None]:
        raise ValueError(f"oracle: the truth of question {unknown[0]!r} is unknown")
    if not scores:
        return OracleJudge(_Truths({q.id: q.options[q.truth] for q in questions if isinstance(q.truth, int)}))
    asked = _Truths({question.id: question for question in questions})

    def oracle(solution: Solution) -> float:
        question = asked[solution.question_id]
        if question.options:
            right = named_option(solution.text, question.options) == question.truth
        else:
            right = task.check(question, final_answer(solution.text))
        return ORACLE_SCORE if right else -ORACLE_SCORE

    return CallableJudge(scores=oracle)
