"""Who plays: from model names and a few words (``human``, ``oracle``, ``scripted:TEXT``) to a player for each role."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from oversight_envs.agents import SpeakingJudge
from oversight_envs.agents.specs import Known, make_marker, make_player, make_speaker
from oversight_envs.cli.fitting import LONGEST, SPEECHES
from oversight_envs.core.players import check_players
from oversight_envs.core.protocol import Protocol
from oversight_envs.core.question import Question, Task

DEFAULT_MODEL = "smollm2-135m"
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
    max_new_tokens: int | None = None
    temperature: float = 0.7
    best_of: int = 1
    _made: dict[tuple[str, str], Any] = field(default_factory=dict, repr=False, compare=False)

    def players(self, protocol: Protocol, task: Task, questions: Sequence[Question]) -> dict[str, Any]:
        """A player for every role. Roles with one spec share one player, and so one batch."""
        everyone, single = self._specs(protocol)
        judge = self.judge or self.model
        players: dict[str, Any] = {}
        # judges first: a mistake in their name is cheaper to find than a model is to load
        for name, role in sorted(protocol.roles.items(), key=lambda item: not item[1].judges):
            spec = single.get(name) or (judge if role.judges else everyone)
            if spec == "human":
                players[name] = self._make("human", spec, lambda _: make_player("human", role))  # noqa: B023
            elif not role.judges:
                players[name] = self._make("say", spec, self._speaker)
            else:
                marker = self._marker("score" in role.does, spec, (task, questions))
                asking = self._make("say", everyone, self._speaker) if role.speaks else None
                players[name] = marker if asking is None else SpeakingJudge(asking, marker)
        if self.best_of != 1:
            players = self._best_of(protocol, players)
        try:
            return check_players(protocol, {name: players[name] for name in protocol.roles})
        except TypeError as error:
            raise ValueError(str(error)) from error

    def _specs(self, protocol: Protocol) -> tuple[str, dict[str, str]]:
        """The spec for every speaker, and those of single roles. Whoever is named must have a role to play."""
        single = {role: ("human", f"--human {role}") for role in self.humans}
        everyone: str | None = None
        for given in self.agents:
            match = _ROLE.fullmatch(given)
            role = match["role"] if match else None
            if match is None and everyone is not None:
                raise ValueError(f"--agent {given}: --agent {everyone} speaks for every role; write ROLE={given}")
            if role in single:
                raise ValueError(f"--agent {given}: {role} is given twice, also as {single[role][1]}")
            if match is None:
                everyone = given
            else:
                single[match["role"]] = (match["spec"], f"--agent {given}")
        for role in single:
            if role not in protocol.roles:
                raise ValueError(f"{protocol.name} has no role {role!r}; its roles are {', '.join(protocol.roles)}")
        speakers = [name for name, role in protocol.roles.items() if not role.judges]
        judges = [name for name, role in protocol.roles.items() if role.judges]
        asking = any(protocol.roles[name].speaks for name in judges if name not in single)
        for flag, spec, roles, used in ("--agent", everyone, speakers, asking), ("--judge", self.judge, judges, False):
            if spec is not None and roles and not used and all(role in single for role in roles):
                others = " and ".join(single[role][1] for role in roles)
                raise ValueError(f"{flag} {spec}: no role is left for it beside {others}; leave one of them out")
        left = [everyone is not None or name in single for name in speakers]
        left += [self.judge is not None or name in single for name in judges]
        if self.model != DEFAULT_MODEL and all(left) and not (asking and everyone is None):
            raise ValueError(f"--model {self.model}: no role is left for it; leave it out, or --agent or --judge")
        return everyone or self.model, {role: spec for role, (spec, _) in single.items()}

    def _make(self, duty: str, spec: str, make: Callable[[str], Any]) -> Any:
        if (duty, spec) not in self._made:
            self._made[duty, spec] = make(spec)
        return self._made[duty, spec]

    def _speaker(self, spec: str) -> Any:
        try:
            speaker = make_speaker(spec, max_new_tokens=self.max_new_tokens or LONGEST, temperature=self.temperature)
        except ValueError as error:
            raise ValueError(f"--agent {spec}: {error}") from error
        context = getattr(getattr(speaker, "lm", None), "context_length", None)
        if self.max_new_tokens is None and context is not None:
            speaker.max_new_tokens = max(1, min(LONGEST, context // SPEECHES))
        return speaker

    def _marker(self, scores: bool, spec: str, knows: Known) -> Any:
        try:
            if spec == "oracle":
                return make_marker(spec, scores=scores, knows=knows)  # never kept: it knows these questions only
            return self._make("score" if scores else "decide", spec, lambda spec: make_marker(spec, scores=scores))
        except ValueError as error:
            raise ValueError(f"--judge {spec}: {error}") from error

    def _best_of(self, protocol: Protocol, players: Mapping[str, Any]) -> dict[str, Any]:
        from oversight_envs.agents import BestOfNAgent

        markers = [name for name, role in protocol.roles.items() if role.judges]
        if not markers or any(protocol.roles[name].speaks for name in markers):
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
