"""One episode, shown as it is played."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from rich.console import Console
from rich.text import Text

from oversight_envs.cli.screen import decision_panel, outcome_panel, question_panel, speech_panel
from oversight_envs.core.episode import Episode
from oversight_envs.core.players import describe_player
from oversight_envs.core.protocol import Protocol
from oversight_envs.core.question import Question, Task
from oversight_envs.core.record import Record, make_record
from oversight_envs.core.requests import Decision
from oversight_envs.core.rewards import finish, get_rule
from oversight_envs.core.seeding import derive_seed
from oversight_envs.core.speech import Statement
from oversight_envs.evaluation.speeches import as_given, kind
from oversight_envs.play.drive import drive
from oversight_envs.play.queue import Batch


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
    """Plays one episode and shows each turn as it is made.

    Where a person plays, the prompts show what that person may know, and the rest is shown when the game is over.
    """
    protocol.check_task(task)
    rule = get_rule(reward, protocol)
    if not humans:
        console.print(question_panel(protocol.name, question, passage=True))
    episode = Episode(protocol, question, derive_seed(seed, "episode", question.id, 0))
    shown = _Shown(console, protocol, episode, task, humans)

    def watch(batch: Batch) -> AbstractContextManager[Any]:
        if not humans:
            shown.catch_up()
        if describe_player(batch.player).get("type") == "human":
            return nullcontext()
        names = " and ".join(dict.fromkeys(ask.role for ask in batch.asks))
        return console.status(Text(f"{names} {batch.asks[0].verb} …"))

    for _ in drive([(episode, players)], watch=watch):
        pass
    shown.catch_up()
    described = {role: describe_player(player) for role, player in players.items()}
    record = finish(episode, task, rule, players=described)
    if (panel := outcome_panel(record)) is not None:
        console.print(panel)
    return record


class _Shown:
    """What of an episode has been shown so far."""

    def __init__(
        self, console: Console, protocol: Protocol, episode: Episode, task: Task, humans: Sequence[str]
    ) -> None:
        self.console, self.protocol, self.episode, self.task, self.humans = console, protocol, episode, task, humans
        self.statements = self.decisions = 0

    def catch_up(self) -> None:
        """Shows what has been said and decided since; of it, where people play, what they were not shown by prompts."""
        record = make_record(self.episode, self.task)
        prompts = [e.prompt for e in self.episode.log if e.role in self.humans]
        seen = {line for prompt in prompts for message in prompt for line in message.content.splitlines()}
        told = self.protocol.explained(record)
        explained = {fact.index: text for fact, text in zip(record.transcript, told, strict=True)}
        new: list[Statement | Decision] = [*record.transcript[self.statements :], *record.decisions[self.decisions :]]
        self.statements, self.decisions = len(record.transcript), len(record.decisions)
        for fact in sorted(new, key=lambda fact: fact.index):
            if isinstance(fact, Decision):
                self.console.print(decision_panel(record, fact))
                continue
            if self.humans and all(line in seen for line in fact.shown().splitlines()):
                continue
            side = record.assigned.sides.get(fact.role)
            claim = "" if side is None else record.question.options[side]
            tone = None if self.humans else kind(record, fact.role)
            info = as_given(record, fact).info
            self.console.print(speech_panel(fact, claim, tone, fact.notes, explained[fact.index], info))
