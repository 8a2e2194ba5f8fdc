"""One episode, shown as it is played."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

from rich.console import Console

from oversight_envs.cli.screen import claims, outcome_panel, question_panel, speech_panel
from oversight_envs.core.episode import Episode
from oversight_envs.core.players import Ask, Case, Turn, answer_asks, describe_player
from oversight_envs.core.prompt import MAX_TEXT
from oversight_envs.core.protocol import Outcome, Protocol, Speech, Verdict
from oversight_envs.core.question import Question, Task
from oversight_envs.core.record import Record, make_record
from oversight_envs.core.rewards import get_rule, reward_all
from oversight_envs.core.seeding import derive_seed
from oversight_envs.core.speech import Statement, Transcript
from oversight_envs.evaluation.speeches import kind
from oversight_envs.report.page import private_notes


def find_question(task: Task, wanted: str | None, seed: int) -> Question:
    """The question with this id or index; the seed's first one where None."""
    if wanted is None:
        return task.sample(1, seed=seed)[0]
    if wanted.isdecimal() and int(wanted) < len(task):
        return task[int(wanted)]
    if len(task) <= 100_000:  # a procedural task is endless
        for index in range(len(task)):
            if task[index].id == wanted:
                return task[index]
    raise ValueError(f"--question {wanted}: task {task.name!r} has no such id, and its indices are 0..{len(task) - 1}")


def play(
    console: Console,
    protocol: Protocol,
    task: Task,
    question: Question,
    players: Mapping[str, Any],
    *,
    seed: int = 0,
    reward: str | None = None,
    humans: Sequence[str] = (),
) -> Record:
    """Plays one episode and shows each turn as it is made. Where a person plays, only what that person may know."""
    protocol.check_task(task)
    rule = get_rule(reward, protocol)
    blinded = any(role not in protocol.experts for role in humans)
    console.print(question_panel(protocol.name, question, passage=not blinded))
    episode = Episode(protocol, question, derive_seed(seed, "episode", question.id, 0))
    sides = foreseen_sides(episode)
    claimed = claims(question, sides)
    preview = Record(protocol.name, protocol.config, question, episode.seed, (), Outcome(sides=sides))
    if question.truth is not None and not humans:
        preview = replace(preview, correct={role: side == question.truth for role, side in sides.items()})
    turn = 0
    while not episode.done:
        asks = episode.asks
        speeches = _answer(console, asks, players)
        turn += bool(speeches)
        for role, speech in speeches.items():
            statement = stated(protocol, question, role, speech, turn)
            tone = None if humans else kind(preview, role)
            private = private_notes(protocol.config, statement)
            shown = "" if humans and role not in humans else private
            console.print(speech_panel(statement, claimed.get(role, ""), tone, shown))
    described = {role: describe_player(player) for role, player in players.items()}
    record = make_record(episode, task, players=described)
    record = replace(record, rewards=reward_all([record], rule)[0])
    console.print(outcome_panel(record))
    return record


def _answer(console: Console, asks: Sequence[Ask], players: Mapping[str, Any]) -> dict[str, Speech]:
    """Answers the open asks, those of one player in one batch; returns what was said. People are asked last."""
    groups: dict[int, list[Ask]] = {}
    for ask in asks:
        groups.setdefault(id(players[ask.role]), []).append(ask)
    said: dict[str, Speech] = {}
    for group in sorted(groups.values(), key=lambda group: _is_human(players[group[0].role])):
        player = players[group[0].role]
        does = "speaks" if isinstance(group[0], Turn) else "decides" if isinstance(group[0], Case) else "marks"
        names = " and ".join(dict.fromkeys(ask.role for ask in group))
        waiting = nullcontext() if _is_human(player) else console.status(f"{names} {does} …")
        with waiting:
            replies = answer_asks(player, group)
        for ask, reply in zip(group, replies, strict=True):
            ask.episode.answer(ask, reply)
            if isinstance(reply, Speech):
                said[ask.role] = reply
    return {ask.role: said[ask.role] for ask in asks if ask.role in said}


def stated(protocol: Protocol, question: Question, role: str, speech: Speech, turn: int) -> Statement:
    """A speech as it enters the game: cut, its quotes checked, as the game's options say."""
    config = protocol.config
    quotes = bool(config.get("quotes", False))
    words = config.get("max_words", MAX_TEXT)
    scratchpad = bool(config.get("scratchpad", False))
    transcript = Transcript(question.passage if quotes else "", max_words=words, scratchpad=scratchpad, quotes=quotes)
    transcript.add({role: speech})
    return replace(transcript.statements[0], turn=turn)


def foreseen_sides(episode: Episode) -> Mapping[str, int]:
    """Who argues for what, found by letting a branch of the episode end in silence; empty where that fails."""
    branch = episode.branch()
    try:
        while not branch.done:
            ask = branch.asks[0]
            branch.answer(ask, "" if isinstance(ask, Turn) else _even(ask) if isinstance(ask, Case) else 0.0)
    except (ValueError, TypeError):
        return {}
    return branch.outcome.sides if branch.outcome else {}


def _even(case: Case) -> Verdict:
    return Verdict((-math.log(len(case.labels)),) * len(case.labels))


def _is_human(player: Any) -> bool:
    return describe_player(player).get("type") == "human"
