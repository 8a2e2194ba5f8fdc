"""Who plays: from model names and a few words (``human``, ``oracle``, ``scripted:TEXT``) to a player for each role."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from oversight_envs.core.answers import final_answer
from oversight_envs.core.players import Case, Solution, Speaker, Turn, check_players, describe_player
from oversight_envs.core.protocol import Protocol, Speech, Verdict
from oversight_envs.core.question import Question, Task

DEFAULT_MODEL = "smollm2-135m"
SCRIPTED = "scripted:"
_ROLE = re.compile(r"(?P<role>[a-z]+_[0-9]+)=(?P<spec>.*)", re.DOTALL)


@dataclass(frozen=True)
class Cast:
    """Who plays, as the command line says it.

    ``agents`` are ``SPEC`` for every speaker or ``ROLE=SPEC`` for one. A speaker's SPEC is a model, ``human`` or
    ``scripted:TEXT``; a judge's or verifier's is a model, ``KIND:MODEL``, ``human`` or ``oracle`` (it knows the
    answers: a dry run and a ceiling). What is not given is ``model``.
    """

    model: str = DEFAULT_MODEL
    agents: Sequence[str] = ()
    judge: str | None = None
    humans: Sequence[str] = ()
    max_new_tokens: int = 256
    temperature: float = 0.7
    best_of: int = 1
    _made: dict[tuple[str, str], Any] = field(default_factory=dict, repr=False, compare=False)

    def players(self, protocol: Protocol, task: Task, questions: Sequence[Question]) -> dict[str, Any]:
        """A player for every role. Roles with one spec share one player, and so one batch."""
        everyone, single = self._specs(protocol)
        judge = self.judge or self.model
        players: dict[str, Any] = {}
        # judges first: a mistake in their name is cheaper to find than a model is to load
        for role, duties in sorted(protocol.duties.items(), key=lambda item: item[1] == {"say"}):
            decides = duties - {"say"}
            spec = single.get(role) or (judge if decides else everyone)
            if spec == "human":
                players[role] = self._make("human", spec, _human)
            elif not decides:
                players[role] = self._make("say", spec, self._speaker)
            else:
                marker = self._marker("score" in decides, spec, task, questions)
                asking = self._make("say", everyone, self._speaker) if "say" in duties else None
                players[role] = marker if asking is None else SpeakingJudge(asking, marker)
        if self.best_of != 1:
            players = self._best_of(protocol, players)
        try:
            return check_players(protocol, {role: players[role] for role in protocol.duties})
        except TypeError as error:
            raise ValueError(str(error)) from error

    def _specs(self, protocol: Protocol) -> tuple[str, dict[str, str]]:
        """The spec for every speaker, and those of single roles."""
        everyone, single = self.model, dict.fromkeys(self.humans, "human")
        for given in self.agents:
            match = _ROLE.fullmatch(given)
            if match is None:
                everyone = given
            elif match["role"] in single:
                raise ValueError(f"--agent {given}: {match['role']} is given twice")
            else:
                single[match["role"]] = match["spec"]
        for role in single:
            if role not in protocol.duties:
                raise ValueError(f"{protocol.name} has no role {role!r}; its roles are {', '.join(protocol.duties)}")
        return everyone, single

    def _make(self, duty: str, spec: str, make: Callable[[str], Any]) -> Any:
        if (duty, spec) not in self._made:
            self._made[duty, spec] = make(spec)
        return self._made[duty, spec]

    def _speaker(self, spec: str) -> Any:
        from oversight_envs import agents

        if spec.startswith(SCRIPTED):
            return _Described(
                agents.ScriptedAgent([spec.removeprefix(SCRIPTED)]), {"text": spec.removeprefix(SCRIPTED)}
            )
        if spec == "oracle":
            raise ValueError("--agent oracle: an oracle judges and can't speak; give a model, human or scripted:TEXT")
        return agents.LanguageModelAgent(spec, max_new_tokens=self.max_new_tokens, temperature=self.temperature)

    def _marker(self, scores: bool, spec: str, task: Task, questions: Sequence[Question]) -> Any:
        from oversight_envs.judges import make_judge, make_verifier

        if spec.startswith(SCRIPTED):
            raise ValueError(f"--judge {spec}: a script can't judge; give --judge oracle, human, or a model")
        if spec == "oracle":
            return _oracle(scores, task, questions)  # never kept: it knows these questions only
        return self._make("score" if scores else "decide", spec, make_verifier if scores else make_judge)

    def _best_of(self, protocol: Protocol, players: Mapping[str, Any]) -> dict[str, Any]:
        from oversight_envs.agents import BestOfNAgent

        duties = protocol.duties
        markers = [role for role in duties if duties[role] & {"decide", "score"}]
        if not markers or any("say" in duties[role] for role in markers):
            raise ValueError(f"--best-of {self.best_of}: {protocol.name} as configured has no judge to choose by")
        human = {role for role in players if players[role] is self._made.get(("human", "human"))}
        if human & set(markers):
            raise ValueError(f"--best-of {self.best_of}: no person can rank candidates; give a model as --judge")
        shared: dict[int, Any] = {}
        return {
            role: player
            if role in markers or role in human
            else shared.setdefault(id(player), BestOfNAgent(player, players[markers[0]], self.best_of))
            for role, player in players.items()
        }


@dataclass(frozen=True)
class SpeakingJudge:
    """A judge that may ask: one player puts the questions, another decides."""

    speaker: Speaker
    judge: Any

    def speak(self, turns: Sequence[Turn]) -> Sequence[Speech | str]:
        return self.speaker.speak(turns)

    def decide(self, cases: Sequence[Case]) -> Sequence[Verdict]:
        decided: Sequence[Verdict] = self.judge.decide(cases)
        return decided

    @property
    def description(self) -> dict[str, Any]:
        asks, decides = describe_player(self.speaker), describe_player(self.judge)
        return {"type": "speaking_judge", "asks": asks, "decides": decides}


@dataclass(frozen=True)
class _Described:
    """A speaker whose record says more: two scripts are not the same player."""

    agent: Any
    more: Mapping[str, Any]

    def speak(self, turns: Sequence[Turn]) -> Sequence[Speech | str]:
        spoken: Sequence[Speech | str] = self.agent.speak(turns)
        return spoken

    @property
    def description(self) -> dict[str, Any]:
        return {**describe_player(self.agent), **self.more}


def _human(_: str) -> Any:
    from oversight_envs.agents import HumanAgent

    return HumanAgent()


def _oracle(scores: bool, task: Task, questions: Sequence[Question]) -> Any:
    """A judge or verifier that knows the truth of ``questions``."""
    from oversight_envs.judges import CallableJudge, OracleJudge

    unknown = [question.id for question in questions if question.truth is None]
    if unknown:
        raise ValueError(f"--judge oracle: the truth of question {unknown[0]!r} is unknown")
    if not scores:
        return OracleJudge({q.id: q.options[q.truth] for q in questions if isinstance(q.truth, int)})
    asked = {question.id: question for question in questions}

    def oracle(solution: Solution) -> float:
        right = task.check(asked[solution.question_id], final_answer(solution.text))
        return ORACLE_SCORE if right else -ORACLE_SCORE

    return CallableJudge(scores=oracle)


ORACLE_SCORE = 4.6
"""V of a right solution under the oracle: log-odds of 99%."""
