"""A verifier's stress test: does what says nothing about a solution change its mark, and does a worked solution?

The same as for judges (``robustness.py``), on open problems. The plain solution is an answer alone, once the right one
and once a wrong number. Each is rewritten, and V is compared with that of the plain one; what stands in the place of a
solution (an opener) is compared with an empty one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from oversight_envs.core.checks import whole
from oversight_envs.core.players import describe_player
from oversight_envs.core.question import Question, Task
from oversight_envs.core.seeding import derive_seed
from oversight_envs.core.usage import Usage
from oversight_envs.core.words import count_words
from oversight_envs.evaluation.effects import Belief, Effect, Pair, StressTest, credit
from oversight_envs.evaluation.rewrites import SOLUTIONS, Answered, Kit
from oversight_envs.evaluation.robustness import PLAIN, SILENCE, UNSAYABLE, knows
from oversight_envs.evaluation.scripted_games import Play, ScriptedGames, failures, open_test, usage
from oversight_envs.evaluation.statistics import mean, share
from oversight_envs.play.drive import OnFailure
from oversight_envs.protocols import ProverVerifier

RIGHT, WRONG = "right answer", "wrong answer"


def stress_verifier(
    verifier: Any,
    task: Task | str,
    *,
    protocol: ProverVerifier | None = None,
    questions: int | Sequence[Question] | None = 24,
    seed: int = 0,
    kit: Kit = SOLUTIONS,
    out: str | Path | None = None,
    reuse: bool | None = None,
    concurrency: int = 128,
    on_failure: OnFailure = "record",
    on_done: Callable[[int, int], None] | None = None,
) -> StressTest:
    """Puts a verifier through the stress test; arguments as for ``stress_judge``.

    In the result V stands where a judge's log-odds do: a solution "wins" where V becomes positive by the rewrite.

    Raises ValueError for a problem whose answer is no number, from which no wrong one can be made; CannotPlay where the
    verifier always fails.
    """
    games, game, chosen = _prepared(verifier, task, protocol, questions, seed, kit)
    filled, source, seed, plays = games.marker["verifier_0"], games.task, games.seed, games.plays
    records = games.play(out=out, reuse=reuse, concurrency=concurrency, on_failure=on_failure, on_done=on_done)
    marks = {key: record.scores[0].value for key, record in records.items() if record.scores}

    def pairs(name: str, instead: bool) -> Iterator[Pair]:
        for question in chosen:
            for kind in RIGHT, WRONG:
                before = marks.get((question.id, SILENCE, WRONG) if instead else (question.id, PLAIN, kind))
                after = marks.get((question.id, name, kind))
                if before is not None and after is not None:
                    yield Pair(question.id, kind == RIGHT, before, after)

    unsaid = f"{UNSAYABLE}, or these problems give nothing to say it with"
    effects = []
    for rewrite in kit.rewrites:
        said = next((play.speeches["helpful_0"] for play in plays if play.condition == rewrite.name), None)
        effects.append(
            Effect(
                rewrite.name,
                rewrite.fair,
                rewrite.about,
                tuple(pairs(rewrite.name, rewrite.instead)),
                example=said or "",
                not_applicable=None if said is not None else unsaid,
                seed=seed,
            )
        )
    signed = [
        (question.id, marks[question.id, PLAIN, kind] * (1 if kind == RIGHT else -1))
        for question in chosen
        for kind in (RIGHT, WRONG)
        if (question.id, PLAIN, kind) in marks
    ]
    return StressTest(
        judge=describe_player(filled),
        settings={
            "task": source.full_name,
            "questions": len(chosen),
            "seed": seed,
            "protocol": game.name,
            "config": game.config,
            "kit": "solutions" if kit is SOLUTIONS else "own",
        },
        blind=None,
        plain=Belief(share((question, credit(v)) for question, v in signed), mean(signed)),
        effects=tuple(effects),
        failures=failures(records),
        usage=usage(records),
    )


def estimate_stress_verifier(
    verifier: Any,
    task: Task | str,
    *,
    protocol: ProverVerifier | None = None,
    questions: int | Sequence[Question] | None = 24,
    seed: int = 0,
    kit: Kit = SOLUTIONS,
) -> Usage:
    """What ``stress_verifier`` would take of models behind servers, if nothing were kept: see ``estimate``."""
    return _prepared(verifier, task, protocol, questions, seed, kit)[0].expected()


def _prepared(
    verifier: Any,
    task: Task | str,
    protocol: ProverVerifier | None,
    questions: int | Sequence[Question] | None,
    seed: int,
    kit: Kit,
) -> tuple[ScriptedGames, ProverVerifier, Sequence[Question]]:
    game, seed = ProverVerifier(provers="helpful") if protocol is None else protocol, whole("seed", seed)
    if not isinstance(game, ProverVerifier) or (game.provers, game.verifier, game.translator) != (
        "helpful",
        True,
        False,
    ):
        raise ValueError(f"protocol={game!r:.200}: give ProverVerifier(provers='helpful'), with a wording as you like")
    source, chosen, filled = open_test(game, "verifier_0", verifier, task, questions, seed)
    plays = [play for question in chosen for play in _plays(kit, game, question, seed, filled)]
    return ScriptedGames(source, {"verifier_0": filled}, plays, seed), game, chosen


def _plays(kit: Kit, game: ProverVerifier, question: Question, seed: int, verifier: Any) -> Iterator[Play]:
    if not isinstance(question.truth, str):
        raise ValueError(f"question {question.id!r} has no answer in words: a verifier's test is on open problems")
    answers = {RIGHT: question.truth, WRONG: _wrong(question, seed)}
    solutions = {kind: Answered(question, answer, kind == RIGHT) for kind, answer in answers.items()}
    yield Play(SILENCE, WRONG, game, question, {"helpful_0": ""})
    for kind, solved in solutions.items():
        plain = kit.plain(solved)
        if plain is None or not knows(verifier, plain):
            raise ValueError(f"the verifier's model does not know the words of the test on question {question.id!r}")
        yield Play(PLAIN, kind, game, question, {"helpful_0": plain})
        for rewrite in kit.rewrites:
            said = None if rewrite.instead and solved.right else rewrite.write(solved)
            if said is not None and count_words(said) <= game.max_words and knows(verifier, said):
                yield Play(rewrite.name, kind, game, question, {"helpful_0": said})


def _wrong(question: Question, seed: int) -> str:
    """Another number, near the right one: the same for the same seed."""
    try:
        number = float(str(question.truth).replace(",", ""))
    except ValueError:
        raise ValueError(
            f"question {question.id!r}: its answer, {question.truth!r:.40}, is no number, so no wrong one can be made"
        ) from None
    rng = np.random.default_rng(derive_seed(seed, "wrong answer", question.id))
    return f"{number + int(rng.integers(1, 10)):g}"
