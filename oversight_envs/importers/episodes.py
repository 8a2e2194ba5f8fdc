"""From what a transcript tells to an episode of our game with the same sides, order of answers, speeches and verdict.

So it can be replayed and judged again. What a prompt in it shows is what *our* game would have shown, not what was
shown then. The seed of an episode is one that draws its sides and the order of its answers.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from oversight_envs.core.episode import Episode, assignment
from oversight_envs.core.protocol import default_reward
from oversight_envs.core.question import Question
from oversight_envs.core.record import Record
from oversight_envs.core.rewards import finish
from oversight_envs.core.seeding import derive_seed
from oversight_envs.core.speech import Speech
from oversight_envs.core.verdict import Verdict, with_info
from oversight_envs.protocols import Consultancy, Debate
from oversight_envs.tasks import ListTask
from oversight_envs.tasks.files import DataError, existing_file

MOST_WORDS = 10_000
"""The word limit of the games: what was said is taken as it is."""
TRIES = 1000


@dataclass(frozen=True, slots=True)
class Imported:
    """What files came to."""

    conditions: Mapping[str, list[Record]]
    """Name -> the episodes that were played in one way: game, rounds, and who played."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Why transcripts were left out -> how many."""
    missing: Mapping[str, int] = field(default_factory=dict)
    """What an episode can't hold -> how many of the transcripts that were taken had it."""


class LeftOut(Exception):
    """A transcript that is as it should be, and no episode: its reason."""


class Told(NamedTuple):
    """One transcript, read."""

    question: Question
    sides: Mapping[str, int]
    """Who argued for which answer: two debaters in the order in which they are read, or one consultant."""
    order: tuple[int, ...]
    """The answers in the order in which the judge read them."""
    said: Mapping[str, list[str]]
    """Role -> its speeches; the judge's stand between the rounds."""
    verdict: Verdict | None
    unjudged: str = ""
    """Why there is no verdict."""
    sequential: bool = False
    place: str = ""
    """What tells it from others on the same question."""
    players: Mapping[str, str] = {}
    """Role -> name, where the file has one."""
    missing: tuple[str, ...] = ()
    """What of it an episode can't hold."""


def import_folder(source: str, path: str | Path, read: Callable[[Path, Any], Iterable[Told]]) -> Imported:
    """Reads a JSON file, or all of a folder: ``read(file, what it holds)`` gives the transcripts of one.

    Raises DataError that names the file, for one that can't be read and where no file has a transcript.
    """
    folder = Path(path).expanduser()
    files = sorted(folder.glob("*.json")) if folder.is_dir() else [existing_file(path)]
    if not files:
        raise FileNotFoundError(f"{path}: no .json file in this folder")
    records: list[Record] = []
    left_out: Counter[str] = Counter()
    missing: Counter[str] = Counter()
    for file in files:
        try:
            with named_errors(str(file)):
                for told in read(file, _content(file)):
                    records.append(to_record(source, told))
                    missing.update(told.missing)
        except LeftOut as why:
            left_out[str(why)] += 1
    if not records:
        raise DataError(f"{path}: no debate or consultancy in it (left out: {dict(left_out)})")
    return Imported(by_condition(records), dict(left_out), dict(missing))


def _content(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file}: not JSON ({error})") from None


@contextmanager
def named_errors(where: str) -> Iterator[None]:
    """What can't be a question, a speech or a verdict is refused under the place where it stands."""
    try:
        yield
    except DataError:
        raise
    except ValueError as error:
        raise DataError(f"{where}: {error}") from error


def told_by(verdict: Verdict, **about: Any) -> Verdict:
    """The verdict, with what else the file says of it that is not empty."""
    told = with_info(verdict, **{name: value for name, value in about.items() if value})
    assert isinstance(told, Verdict)
    return told


def question_of(source: str, set_id: str, text: str, right: str, wrong: str, passage: str, **metadata: Any) -> Question:
    """The question, under an id of its words: the same in every file. Its answers stand where they tell nothing."""
    options = tuple(sorted((right, wrong)))
    digest = derive_seed(source, text, right, wrong)
    return Question(f"{set_id or 'question'}-{digest:016x}", text, options, passage, options.index(right), metadata)


def to_record(source: str, told: Told) -> Record:
    """The episode as a record."""
    rounds = max(len(told.said[role]) for role in told.sides)
    shared: dict[str, Any] = {
        "rounds": rounds,
        "judge_asks": "judge_0" in told.said,
        "max_words": MOST_WORDS,
        "quotes": bool(told.question.passage),
    }
    game: Debate | Consultancy
    if len(told.sides) == 2:
        game = Debate(turns="sequential" if told.sequential else "simultaneous", **shared)
    else:
        game = Consultancy(**shared)
    episode = Episode(game, told.question, _seed(game, told, source))
    speeches = {role: iter(texts) for role, texts in told.said.items()}
    while not episode.done:
        for ask in episode.asks:
            if ask.duty == "say":
                episode.answer(ask, Speech(next(speeches[ask.role])))
            elif told.verdict is None:
                episode.truncate(told.unjudged)
            else:
                episode.answer(ask, told.verdict)
    players = {role: {"type": "imported", "source": source, "name": told.players.get(role, "")} for role in game.roles}
    return finish(episode, ListTask([told.question], name=source), default_reward(game), players=players)


def by_condition(records: Iterable[Record]) -> dict[str, list[Record]]:
    """The records of each way to play, by what was played; those of one name numbered."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(json.dumps([record.protocol, record.config, record.players]), []).append(record)
    named: dict[str, list[Record]] = {}
    for group in groups.values():
        config = group[0].config
        asking = "-interactive" if config["judge_asks"] else ""
        name = f"{group[0].protocol}{asking}-{config['rounds']}-rounds"
        number = sum(known == name or known.startswith(f"{name}-") for known in named)
        named[f"{name}-{number + 1}" if number else name] = group
    return named


def _seed(game: Debate | Consultancy, told: Told, source: str) -> int:
    """A seed, the transcript's own, that draws what was drawn then."""
    for n in range(TRIES):
        seed = derive_seed(source, told.question.id, told.place, n)
        drawn = assignment(game, told.question, seed)
        if (drawn.sides, drawn.order) == (told.sides, told.order):
            return seed
    raise ValueError(f"question {told.question.id!r}: none of {TRIES} seeds draws the sides {told.sides}")
