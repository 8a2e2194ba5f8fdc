"""A tournament: agents meet in pairs in a game of two sides, each pair on the same questions with both assignments.

Each seating of a pair is one rollout with ``sides="both"`` and one file, so a tournament that was stopped goes on where
it was, and one more agent costs its own games only. What the games say of the agents is ``evaluation/ratings.py``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

from oversight_envs._files import make_folder
from oversight_envs.core.checks import at_least, one_of, whole
from oversight_envs.core.players import Player, Players, check_players
from oversight_envs.core.protocol import Protocol
from oversight_envs.core.question import Question, Task
from oversight_envs.core.record import Record
from oversight_envs.core.seeding import derive_seed
from oversight_envs.play.drive import OnFailure
from oversight_envs.play.ray import RayEngine
from oversight_envs.play.rollout import as_protocol, as_task, choose, rollout
from oversight_envs.play.sides import episode_seeds
from oversight_envs.play.store import file_name

Schedule = Literal["round-robin", "swiss"]
Seats = Literal["alternate", "both"]

_EVEN = 1e-9
"""Log-probabilities that differ by less are a tie."""


@dataclass(frozen=True)
class Pairing:
    """Two agents' games in one seating: ``seats`` says who played which of the two roles (maybe one agent both)."""

    seats: Mapping[str, str]
    records: Sequence[Record]

    @property
    def name(self) -> str:
        return " vs ".join(self.seats.values())


def tournament(
    protocol: Protocol | str,
    task: Task | str,
    agents: Mapping[str, Player],
    players: Players,
    *,
    out: str | Path,
    questions: int | Sequence[Question] | None = None,
    samples: int = 1,
    schedule: Schedule = "round-robin",
    rounds: int | None = None,
    seats: Seats = "alternate",
    self_play: bool = False,
    seed: int = 0,
    concurrency: int = 32,
    reuse: bool | None = None,
    on_failure: OnFailure = "raise",
    engine: RayEngine | Literal["ray"] | None = None,
    on_record: Callable[[str, int, int], None] | None = None,
) -> list[Pairing]:
    """Plays the pairings of a tournament and returns their games; ``evaluation.rate`` makes ratings of them.

    Args:
        protocol, task: a game in which two roles argue for different answers (debate), and a task; or their names.
        agents: name -> who plays, a player or the name of one. At least two, and nobody under two names.
        players: who fills the other roles, the same in all games: ``{"judge_0": judge}``.
        out: a folder with one file of episodes for each pair as it sat, ``A-vs-B.jsonl`` and ``B-vs-A.jsonl``. What
            they hold is not played again.
        questions: how many, or the questions themselves; all pairings play the same ones.
        samples: how often a pairing plays each question, every time with both assignments of the sides.
        schedule: everybody against everybody (``round-robin``), or ``rounds`` rounds in which those meet who stand
            next to each other by the share of points so far and have not met (``swiss``); of an odd number one rests.
        rounds: of a Swiss tournament; None: as many as it takes to find a winner, log2 of the agents. More than half of
            the agents could leave a round that nobody new is left for.
        seats: who plays the first of the two roles: the two by turns, question by question (``alternate``), or both on
            every question (``both``, twice the games).
        self_play: whether each agent also debates itself, which shows what the judge is worth with debaters like it.
        seed: with the names of a pair decides all that is drawn, whatever the order of the agents.
        concurrency, reuse, on_failure, engine: as for ``rollout``.
        on_record: called with a pairing's name, episodes done and episodes in all, for progress bars.

    Raises ValueError or TypeError, before anything is played, for what does not fit together.
    """
    one_of("schedule", schedule, ("round-robin", "swiss"))
    one_of("seats", seats, ("alternate", "both"))
    one_of("self_play", self_play, (True, False))
    one_of("on_failure", on_failure, ("raise", "record"))
    game, source, seed = as_protocol(protocol), as_task(task), whole("seed", seed)
    at_least("samples", samples, 1)
    at_least("concurrency", concurrency, 1)
    if not isinstance(out, str | os.PathLike):
        raise TypeError(f"out={out!r:.80}: give the path of a folder")
    check_agents(agents)
    names = list(agents)
    if schedule == "swiss":
        rounds = _swiss_rounds(len(names), rounds)
    elif rounds is not None:
        raise ValueError(f"rounds={rounds!r}: a round robin has as many as it takes; rounds are for schedule='swiss'")
    game.check_task(source)
    chosen = choose(source, questions, seed)
    for question in chosen:
        game.check_question(question)
        episode_seeds(game, question, seed, samples=1, sides="both")  # what can't be played so is said before
    roles = two_sides(game)
    others, cast = _cast(game, roles, agents, players, knows=(source, chosen))
    folder = make_folder(out)

    pairs = len(names) // 2 * rounds if rounds is not None else len(names) * (len(names) - 1) // 2
    times = pairs * (2 if seats == "both" else 1) + (len(names) if self_play else 0)
    total = times * len(chosen) * 2 * int(samples)
    played: list[Pairing] = []

    def play(*pair: str, asked: Sequence[Question] = chosen) -> None:
        seated = dict(zip(roles, pair, strict=True))
        before = sum(len(pairing.records) for pairing in played)

        def news(_: Record | None, done: int, __: int) -> None:
            if on_record is not None:
                on_record(" vs ".join(pair), before + done, total)

        records = rollout(
            game,
            source,
            {**others, **{role: cast[agent][role] for role, agent in seated.items()}},
            questions=asked,
            samples=samples,
            sides="both",
            seed=derive_seed(seed, "pairing", *pair),
            path=folder / f"{'-vs-'.join(map(file_name, pair))}.jsonl",
            concurrency=concurrency,
            reuse=reuse,
            on_failure=on_failure,
            engine=engine,
            on_record=news,
        )
        played.append(Pairing(seated, records))

    for pair in _round_robin(names) if rounds is None else _swiss(names, rounds, played, seed):
        one, two = sorted(pair)
        by_turns = derive_seed("seats", one, two) % 2
        for place, seated in enumerate(((one, two), (two, one))):
            asked = chosen if seats == "both" else chosen[(place + by_turns) % 2 :: 2]
            if asked:  # one question has no turns
                play(*seated, asked=asked)
    if self_play:
        for name in names:
            play(name, name)
    return played


def two_sides(game: Protocol) -> tuple[str, str]:
    """The two roles that argue. Raises ValueError for a game in which not exactly two do."""
    roles = [name for name, role in game.roles.items() if not role.judges]
    if len(roles) != 2:
        raise ValueError(
            f"protocol={game.name!r}: a tournament is between two who argue, and here {', '.join(roles) or 'nobody'} "
            "would; take debate"
        )
    return roles[0], roles[1]


def points(record: Record, role: str) -> float | None:
    """1 where the judge at last preferred the role's answer to the other side's, 0 where the other's, 1/2 for a tie.

    None for an episode without a result.
    """
    own = record.assigned.sides.get(role)
    others = [side for other, side in record.assigned.sides.items() if other != role]
    if record.outcome is None or record.decision is None or own is None or len(others) != 1:
        return None
    log_probs = record.decision.verdict.log_probs
    ahead = log_probs[own] - log_probs[others[0]]
    return 0.5 if abs(ahead) < _EVEN else float(ahead > 0)


def check_agents(agents: Mapping[str, Player]) -> None:
    """Raises TypeError or ValueError for a tournament of one, and for a player that takes part twice."""
    if not isinstance(agents, Mapping) or not all(isinstance(name, str) and name for name in agents):
        raise TypeError(f"agents={agents!r:.80}: give a dict of names and players, as {{'large': 'org/large-model'}}")
    if len(agents) < 2:
        raise ValueError(f"agents: a tournament of {', '.join(agents) or 'nobody'}: give at least two")
    for (one, player), (two, other) in combinations(agents.items(), 2):
        if player is other or (isinstance(player, str) and player == other):
            raise ValueError(
                f"agents: {one!r} and {two!r} are the same player, {player!r:.80}: give each once (an agent against "
                "itself is self_play=True)"
            )
        if file_name(one).lower() == file_name(two).lower():
            raise ValueError(f"agents: {one!r} and {two!r} differ in the case of letters only: give other names")


def _swiss_rounds(agents: int, rounds: int | None) -> int:
    """Up to half of the agents each can be given someone new in every round, whoever met before (Dirac's theorem)."""
    most = (agents + 1) // 2
    if rounds is None:
        return max(1, (agents - 1).bit_length())
    at_least("rounds", rounds, 1)
    if rounds > most:
        raise ValueError(
            f"rounds={rounds}: for {agents} agents at most {most}, or nobody new may be left to meet; or take "
            "schedule='round-robin'"
        )
    return int(rounds)


def _cast(
    game: Protocol, roles: tuple[str, str], agents: Mapping[str, Player], players: Players, *, knows: Any
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """The players of the other roles, and agent -> who it is in either role. Names are made players once."""
    others = check_players(game, players, knows=knows)
    if taken := [role for role in roles if role in others]:
        raise ValueError(f"players: {', '.join(taken)} is what the agents play; give the other roles only")
    if missing := [role for role in game.roles if role not in (*others, *roles)]:
        raise ValueError(f"players: nobody plays {', '.join(missing)}; give who does in all games")
    cast: dict[str, dict[str, Any]] = {}
    for name, agent in agents.items():
        try:
            cast[name] = check_players(game, dict.fromkeys(roles, agent), knows=knows)
        except (TypeError, ValueError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"agents[{name!r}]: {error}") from error
    return others, cast


def _round_robin(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """All pairs, those among earlier agents first."""
    for place, two in enumerate(names):
        for one in names[:place]:
            yield one, two


def _swiss(names: Sequence[str], rounds: int, played: Sequence[Pairing], seed: int) -> Iterator[tuple[str, str]]:
    """The pairs of each round, from what was played before it."""
    met: set[frozenset[str | None]] = set()
    for _ in range(rounds):
        share = _shares(names, played)
        ranked = sorted(names, key=lambda name: (-share[name], derive_seed(seed, "standing", name)))
        standing: list[str | None] = [*ranked]
        if len(standing) % 2:
            standing.append(None)  # who meets nobody rests
        pairs = _neighbours(standing, met)
        assert pairs is not None, "there are too many rounds, which _swiss_rounds refuses"
        met |= {frozenset(pair) for pair in pairs}
        for one, two in pairs:
            if one is not None and two is not None:
                yield one, two


def _shares(names: Sequence[str], played: Sequence[Pairing]) -> dict[str, float]:
    """Agent -> its share of points; who has not played stands in the middle."""
    won: dict[str, list[float]] = {name: [] for name in names}
    for pairing in played:
        for record in pairing.records:
            for role, name in pairing.seats.items():
                if (point := points(record, role)) is not None:
                    won[name].append(point)
    return {name: sum(got) / len(got) if got else 0.5 for name, got in won.items()}


def _neighbours(
    standing: Sequence[str | None], met: set[frozenset[str | None]]
) -> list[tuple[str | None, str | None]] | None:
    """Pairs of those who have not met: the best with the next best it can have, if the others can then be paired."""
    if not standing:
        return []
    best, *others = standing
    for place, other in enumerate(others):
        if frozenset((best, other)) not in met:
            rest = _neighbours(others[:place] + others[place + 1 :], met)
            if rest is not None:
                return [(best, other), *rest]
    return None
