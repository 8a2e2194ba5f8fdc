"""Games in which all speeches are scripted and one judge or verifier is asked: played at once, and kept.

All that is asked goes to the player in large batches, whatever it is asked about. In a folder there is a file of
episodes for each condition and role (``path`` of ``rollout``), so a test that was stopped goes on where it was, and
more questions cost their own games only.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from oversight_envs.core.checks import at_least, one_of
from oversight_envs.core.players import check_players, describe_player
from oversight_envs.core.protocol import Protocol
from oversight_envs.core.question import Question, Task
from oversight_envs.core.record import Record
from oversight_envs.core.requests import Turn
from oversight_envs.core.rewards import RewardRule, get_rule, rule_name
from oversight_envs.core.seeding import derive_seed
from oversight_envs.core.usage import Usage, summed_by_role
from oversight_envs.play.drive import OnFailure
from oversight_envs.play.estimate import estimate
from oversight_envs.play.identity import FINGERPRINT, identified
from oversight_envs.play.jobs import Job, Plan, play_plans, unless_all_fail
from oversight_envs.play.rollout import as_task, choose
from oversight_envs.play.store import EpisodeStore, StoreError, file_name


class Play(NamedTuple):
    """One game to be played: in which condition, and whose speech it is that is rewritten."""

    condition: str
    role: str | None
    game: Protocol
    question: Question
    speeches: Mapping[str, str]


Records = Mapping[tuple[str, str, str | None], Record]
"""By question's id, condition and role."""


def episode_seed(seed: int, question: Question) -> int:
    """The one seed of all that is played on a question: the same sides, order and random streams."""
    return derive_seed(seed, "episode", question.id, 0)


def open_test(
    game: Protocol, role: str, marker: Any, task: Task | str, questions: int | Sequence[Question] | None, seed: int
) -> tuple[Task, Sequence[Question], Any]:
    """The task, the questions, and who is tested as ``role``. Raises ValueError or TypeError where they don't fit."""
    source = as_task(task)
    game.check_task(source)
    chosen = choose(source, questions, seed)
    for question in chosen:
        game.check_question(question)
    return source, chosen, check_players(game, {role: marker}, knows=(source, chosen))[role]


@dataclass(frozen=True)
class Script:
    """Says what is to be said in one condition: question's id -> role -> text."""

    condition: str
    speeches: Mapping[str, Mapping[str, str]]

    fixed = True
    fingerprint = "scripted"
    """It is the same script for more questions; what it said before is compared, word by word."""

    def speak(self, turns: Sequence[Turn]) -> list[str]:
        return [self.speeches[turn.question_id][turn.role] for turn in turns]

    @property
    def description(self) -> dict[str, Any]:
        return {"type": "scripted", "condition": self.condition}


@dataclass(frozen=True)
class ScriptedGames:
    """What a test plays: ``plays`` on questions of ``task``, in which ``marker`` (role -> player) is asked."""

    task: Task
    marker: Mapping[str, Any]
    plays: Sequence[Play]
    seed: int

    def play(
        self,
        *,
        out: str | Path | None = None,
        reuse: bool | None = None,
        concurrency: int = 128,
        on_failure: OnFailure = "record",
        on_done: Callable[[int, int], None] | None = None,
    ) -> Records:
        """Plays what the folder ``out`` does not hold; ``reuse`` as for ``rollout``.

        Raises StoreError for a folder of another test: of other speeches, or another judge.
        """
        at_least("concurrency", concurrency, 1)
        one_of("on_failure", on_failure, ("raise", "record"))
        one_of("reuse", reuse, (None, True, False))
        found: dict[int, Record] = {}
        stores: dict[int, EpisodeStore] = {}
        left: list[tuple[Plan, Job]] = []
        described = identified(self.marker) if out is not None else _described(self.marker)
        with ExitStack() as opened:
            for script, places in self._conditions():
                play = self.plays[places[0]]
                speakers = dict.fromkeys(play.speeches, script)
                who = {**_described(speakers), **described}
                rule, store = get_rule(None, play.game), None
                if out is not None:
                    path = Path(out) / f"{file_name(script.condition)}.jsonl"
                    store = opened.enter_context(EpisodeStore(path, self._identity(play.game, who, rule), reuse=reuse))
                    who = store.players
                players = {**speakers, **self.marker}
                plan = Plan(play.game, self.task, players, rule, None, who, concurrency, on_failure)
                for place in places:
                    question = self.plays[place].question
                    job = Job(place, question, episode_seed(self.seed, question))
                    if store is not None:
                        stores[place] = store
                    if store is not None and (kept := plan.kept(store, job)) is not None:
                        _same_speeches(store.path, kept, self.plays[place].speeches)
                        found[place] = kept
                    else:
                        left.append((plan, job))
            left.sort(key=lambda planned: planned[1].place)
            played = play_plans(left, concurrency=concurrency, on_failure=on_failure)
            for job, record in unless_all_fail(played, concurrency):
                if job.place in stores:
                    stores[job.place].append(record)
                found[job.place] = record
                if on_done is not None:
                    on_done(len(found), len(self.plays))
        return {(p.question.id, p.condition, p.role): found[place] for place, p in enumerate(self.plays)}

    def expected(self) -> Usage:
        """What playing would take of models behind servers, if nothing were kept: see ``estimate``."""
        usages = []
        for script, places in self._conditions():
            play = self.plays[places[0]]
            players = {**dict.fromkeys(play.speeches, script), **self.marker}
            usages.append(estimate(play.game, players, [self.plays[p].question for p in places], seed=self.seed))
        return summed_by_role(usages)

    def _conditions(self) -> Iterator[tuple[Script, list[int]]]:
        """What is said in each condition, and where its games stand among all."""
        found: dict[tuple[str, str | None], list[int]] = defaultdict(list)
        for place, play in enumerate(self.plays):
            found[play.condition, play.role].append(place)
        for (condition, role), places in found.items():
            said = {self.plays[place].question.id: self.plays[place].speeches for place in places}
            yield Script(condition if role is None else f"{condition}, {role}", said), places

    def _identity(self, game: Protocol, described: Mapping[str, Any], rule: RewardRule) -> dict[str, Any]:
        """What the lines of one condition's file share."""
        about = {"protocol": game.name, "config": game.config, "task": self.task.full_name, "rule": rule_name(rule)}
        return {**about, "players": described}


def _described(players: Mapping[str, Any]) -> dict[str, Any]:
    """Role -> what records say of a player; a script's fingerprint is its own word."""
    own = {role: {FINGERPRINT: player.fingerprint} for role, player in players.items() if isinstance(player, Script)}
    return {role: {**describe_player(player), **own.get(role, {})} for role, player in players.items()}


def failures(records: Records) -> Counter[str]:
    """Why episodes came to no result, and how many."""
    return Counter(why for record in records.values() if (why := record.ended_without_result) is not None)


def usage(records: Records) -> Usage:
    """What the test took of models behind servers."""
    return summed_by_role(record.usage for record in records.values())


def _same_speeches(path: Path, kept: Record, speeches: Mapping[str, str]) -> None:
    said = {entry.role: getattr(entry.reply, "text", None) for entry in kept.entries if entry.role in speeches}
    if said != dict(speeches):
        raise StoreError(
            f"{path} holds question {kept.question.id!r} with other speeches than this test has: give another folder, "
            "or play anew (reuse=False, --fresh)"
        )
