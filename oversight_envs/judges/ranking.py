"""Judging samples of one question against each other: one call orders a group. A reward for GRPO, and for best-of-N.

A ranking says which of some answers is better, never whether one is right; it costs one call a group, where a verifier
takes one a sample.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Generator, Sequence
from typing import Any, NamedTuple

from oversight_envs.core.episode import Episode
from oversight_envs.core.players import Consult, PlayerError, describe_player, shape
from oversight_envs.core.prompt import clean_text
from oversight_envs.core.question import Question
from oversight_envs.core.record import Record
from oversight_envs.core.requests import LABELS
from oversight_envs.core.seeding import derive_seed
from oversight_envs.judges.registry import judge_names, make_judge, make_ranker
from oversight_envs.judges.words import speaker_of
from oversight_envs.play.drive import drive
from oversight_envs.protocols.ranking import CRITERION, RANKER, Ranking
from oversight_envs.protocols.worded import inline


class Group(NamedTuple):
    """What is to be ordered: samples of one problem, shown in an order that ``seed`` draws."""

    problem: str
    samples: Sequence[str]
    seed: int = 0


class RankingJudge:
    """Orders the samples of a group in one call.

    Equal texts are shown once and share their places, as do samples that a judge gives equal probabilities; in words
    there are no other ties. An order that does not name each sample once is asked for once more; then PlayerError is
    raised. Groups of more than 26 different samples are refused: labels are letters.

    Args:
        player: who orders. One that speaks writes the order; a judge decides which is the best, and its probabilities
            order the rest. By name: ``MODEL`` speaks, ``KIND:MODEL`` (``logit:smollm2-135m``) decides.
        criterion: what makes a sample better, in words.
    """

    def __init__(self, player: Any, *, criterion: str = CRITERION) -> None:
        if isinstance(player, str):
            judges = player.partition(":")[0] in judge_names()["judges"]
            player = make_judge(player) if judges else speaker_of(player, temperature=0.0)
        self.player = player
        self.game = Ranking(by="words" if _speaks(player) else "choice", criterion=criterion)

    def rank(self, groups: Sequence[Group]) -> list[list[float]]:
        """The place of each sample of each group, 1 for the best; samples that are equal share the mean of theirs.

        All groups are asked at once. Raises ValueError for a group of fewer than two samples, and PlayerError for an
        order that can't be read.
        """
        episodes = [self._episode(group) for group in groups]
        for _ in drive([(episode, {RANKER: self.player}) for episode in episodes if episode is not None]):
            pass
        return [_places(group, episode) for group, episode in zip(groups, episodes, strict=True)]

    def consult(self, group: Group) -> Generator[Consult, list[Any], list[float]]:
        """The same for one group, inside a player made of players: ``places = yield from judge.consult(group)``."""
        episode = self._episode(group)
        while episode is not None and episode.asks:
            (ask,) = episode.asks
            (reply,) = yield Consult(self.player, [ask])
            episode.answer(ask, reply)
        return _places(group, episode)

    def _episode(self, group: Group) -> Episode | None:
        """The ranking, unplayed; None where all samples are equal, which leaves nothing to ask."""
        if isinstance(group.samples, str) or len(group.samples) < 2:
            raise ValueError(f"samples={group.samples!r:.80}: a ranking compares two samples or more")
        different = sorted({clean_text(sample) for sample in group.samples})  # however the batch orders them
        if len(different) == 1:
            return None
        if len(different) > len(LABELS):
            raise ValueError(f"a group of {len(different)} samples: a ranking orders at most {len(LABELS)} at once")
        return Episode(self.game, Question("group", group.problem, tuple(different)), group.seed)

    @property
    def description(self) -> dict[str, Any]:
        described = {"type": "ranking", "by": self.game.by, "player": describe_player(self.player)}
        return described | ({} if self.game.criterion == CRITERION else {"criterion": self.game.criterion})


class RankingReward:
    """A reward rule: what each role said, ranked among the samples of one question, from 1 for the best to -1.

    Places are evenly spaced, so that the mean of a group is 0; samples that are equal earn the same. What is compared:
    records of one group and question, in them roles of one kind that argue for the same side (as GRPO does). A sample
    whose mates did not finish earns 0. Calls are not in the records' ``usage``. Use it as
    ``rollout(..., samples=8, group="step 1", reward=RankingReward(judge))``, or ``reward="ranking:MODEL"``.

    Raises ValueError where no question has two samples, and PlayerError where an order can't be read.
    """

    compares = True
    """It needs a group: ``rollout`` says so before anything is played."""

    def __init__(self, judge: RankingJudge | str) -> None:
        self.judge = make_ranker(judge) if isinstance(judge, str) else judge
        if not isinstance(self.judge, RankingJudge):
            raise TypeError(f"judge={judge!r:.80}: give a RankingJudge, or the name of one ('ranking:MODEL')")

    def __call__(self, records: Sequence[Record]) -> list[dict[str, float]]:
        members: dict[tuple[str, ...], list[tuple[int, str]]] = defaultdict(list)
        for number, record in enumerate(records):
            if record.group is None:
                raise ValueError("a ranking compares samples of one question: rollout(samples=2 or more, group='...')")
            for role in [name for name, role in record.roles.items() if not role.judges]:
                side = str(record.assigned.sides.get(role, ""))
                members[record.group, record.question.id, record.roles[role].kind, side].append((number, role))
        compared = [group for group in members.values() if len(group) > 1]
        if not compared:
            raise ValueError("a ranking compares samples of one question, and each has one: rollout(samples=2 or more)")
        rewards: list[dict[str, float]] = [
            dict.fromkeys([name for name, role in record.roles.items() if not role.judges], 0.0) for record in records
        ]
        groups = [_group([records[number] for number, _ in group], [role for _, role in group]) for group in compared]
        for group, places in zip(compared, self.judge.rank(groups), strict=True):
            for (number, role), place in zip(group, places, strict=True):
                rewards[number][role] = value_of(place, len(places))
        return rewards

    @property
    def name(self) -> str:
        """What the record calls it."""
        return f"ranking by {json.dumps(self.judge.description, sort_keys=True)}"


def value_of(place: float, samples: int) -> float:
    """A place as a value: 1 for the best of so many, -1 for the last."""
    return (samples + 1 - 2 * place) / (samples - 1)


def problem_of(question: str, options: Sequence[str] = (), claim: str | None = None) -> str:
    """What samples are compared on: the question with its answers, and what they all argue for."""
    lines = [f"The problem: {inline(question)}", *(f"- {inline(option)}" for option in options)]
    return "\n".join([*lines, f"Each of these answers argues for: {inline(claim)}"] if claim is not None else lines)


def _group(records: Sequence[Record], roles: Sequence[str]) -> Group:
    question = records[0].question
    side = records[0].assigned.sides.get(roles[0])
    said = [
        "\n\n".join([statement.text for statement in record.transcript if statement.role == role])
        for record, role in zip(records, roles, strict=True)
    ]
    problem = problem_of(question.text, question.options, None if side is None else question.options[side])
    return Group(problem, said, derive_seed("ranking", question.id, roles[0], *sorted(r.seed for r in records)))


def _places(group: Group, episode: Episode | None) -> list[float]:
    if episode is None:
        return [(len(group.samples) + 1) / 2] * len(group.samples)
    if episode.outcome is None:
        raise PlayerError(str(episode.truncated))
    texts = episode.question.options
    if episode.decisions:
        values = dict(zip(texts, episode.decisions[0].verdict.log_probs, strict=True))
    else:
        order = episode.outcome.answers[RANKER] or ""
        shown = [texts[option] for option in episode.assigned.order]
        values = {shown[LABELS.index(label)]: -place for place, label in enumerate(order)}
    own = [values[clean_text(sample)] for sample in group.samples]
    return [1 + sum(other > value for other in own) + (own.count(value) - 1) / 2 for value in own]


def _speaks(player: Any) -> bool:
    if shape(player) == "batch":
        methods = [name for name in ("speak", "decide") if callable(getattr(player, name, None))]
        if not methods or isinstance(player, type):
            raise TypeError(f"player={player!r:.80} can neither speak nor decide: give a player, or the name of one")
        return methods[0] == "speak"
    does = getattr(player, "does", {"say"})
    if not does & {"say", "decide"}:
        raise TypeError(f"player={player!r:.80} can neither speak nor decide: a verifier scores samples one by one")
    return "say" in does
