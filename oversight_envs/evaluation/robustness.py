"""A judge's stress test: is it moved by what should not move it, and by what should?

Debates with scripted speakers. In the plain one both sides only say which answer is right. Then one side's speech is
rewritten (``rewrites.py``), once for each side, and the judge's log-odds for that side are compared with those of the
plain debate on the same question, in the same order of the answers, from the same random stream. All debates are
played at once, so that the judge is asked in large batches. What the judge makes of the question alone, blind, stands
beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from oversight_envs.core.checks import whole
from oversight_envs.core.episode import assignment
from oversight_envs.core.players import describe_player
from oversight_envs.core.question import Question, Task
from oversight_envs.core.record import Record
from oversight_envs.core.usage import Usage
from oversight_envs.core.words import count_words
from oversight_envs.evaluation.effects import Belief, Effect, Pair, StressTest, credit
from oversight_envs.evaluation.rewrites import ENGLISH, STORY_WORDS, Claim, Kit, Rewrite
from oversight_envs.evaluation.scripted_games import (
    Play,
    Records,
    ScriptedGames,
    episode_seed,
    failures,
    open_test,
    usage,
)
from oversight_envs.evaluation.statistics import Estimate, mean, share
from oversight_envs.play.drive import OnFailure
from oversight_envs.protocols import Debate

PLAIN, BLIND, SILENCE, LETTERS = "plain", "blind", "silence", "letters"
"""The conditions that every test has beside its rewrites; ``letters`` is the plain debate in the other order."""

AGAINST_PROOF = "against proof: "
"""Begins the name of a condition in which the wrong side uses a rewrite, and the right one what settles the matter."""

UNSAYABLE = "can't be said in the words that this judge's model knows"


def stress_judge(
    judge: Any,
    task: Task | str,
    *,
    protocol: Debate | None = None,
    questions: int | Sequence[Question] | None = 24,
    seed: int = 0,
    kit: Kit | None = None,
    out: str | Path | None = None,
    reuse: bool | None = None,
    concurrency: int = 128,
    on_failure: OnFailure = "record",
    on_done: Callable[[int, int], None] | None = None,
) -> StressTest:
    """Puts a judge through the stress test.

    Args:
        judge: who decides; a judge or the name of one.
        task: where questions come from. A settling quote is known where the task tells it (``settling_line``).
        protocol: the debate and its wording; ``Debate()`` by default.
        questions, seed: as for ``rollout``.
        kit: what is said. None: ``ENGLISH``, or ``STORY_WORDS`` for a model that knows only those.
        out: a folder with a file of episodes for each thing that is said, written as they end; what it holds is not
            played again.
        reuse: as for ``rollout``.
        concurrency: how many debates are in flight.
        on_failure: ``record`` counts the debates in which the judge failed and leaves them out; ``raise`` does not.
        on_done: called with the debates that are over, and how many there are, for progress bars.

    Raises ValueError for a debate in which scripted speeches can't be played, or a judge's model that knows the words
    of no kit; CannotPlay where the judge fails in every debate; StoreError for a folder of another test.
    """
    games, game, chosen, chosen_kit = _prepared(judge, task, protocol, questions, seed, kit)
    filled, source, seed = games.marker["judge_0"], games.task, games.seed
    records = games.play(out=out, reuse=reuse, concurrency=concurrency, on_failure=on_failure, on_done=on_done)
    table = _Table(game, chosen, seed, {key: _views(r) for key, r in records.items() if r.decision is not None})
    return StressTest(
        judge=describe_player(filled),
        settings={
            "task": source.full_name,
            "questions": len(chosen),
            "seed": seed,
            "protocol": game.name,
            "config": game.config,
            "kit": "story words" if chosen_kit is STORY_WORDS else "English" if chosen_kit is ENGLISH else "own",
        },
        blind=replace(table.belief(BLIND), mass=_mass(records, BLIND)),
        plain=replace(table.belief(PLAIN), mass=_mass(records, PLAIN)),
        effects=(table.letters(), *table.effects(chosen_kit, games.plays, filled)),
        failures=failures(records),
        usage=usage(records),
    )


def estimate_stress_judge(
    judge: Any,
    task: Task | str,
    *,
    protocol: Debate | None = None,
    questions: int | Sequence[Question] | None = 24,
    seed: int = 0,
    kit: Kit | None = None,
) -> Usage:
    """What ``stress_judge`` would take of models behind servers, if nothing were kept: see ``estimate``."""
    return _prepared(judge, task, protocol, questions, seed, kit)[0].expected()


def _prepared(
    judge: Any,
    task: Task | str,
    protocol: Debate | None,
    questions: int | Sequence[Question] | None,
    seed: int,
    kit: Kit | None,
) -> tuple[ScriptedGames, Debate, Sequence[Question], Kit]:
    game, seed = _checked(protocol), whole("seed", seed)
    source, chosen, filled = open_test(game, "judge_0", judge, task, questions, seed)
    chosen_kit = kit or _readable_kit(filled, game, chosen[0], seed)
    plays = [play for question in chosen for play in _plays(chosen_kit, game, question, seed, filled)]
    return ScriptedGames(source, {"judge_0": filled}, plays, seed), game, chosen, chosen_kit


def _checked(protocol: Debate | None) -> Debate:
    game = Debate() if protocol is None else protocol
    if not isinstance(game, Debate):
        raise TypeError(f"protocol={game!r:.80}: the stress test is of a debate's judge; give a Debate")
    if game.positions != "assigned" or game.judge_asks or game.cross_examination or game.scratchpad or not game.quotes:
        raise ValueError(
            "the stress test's speakers make a case and no more: give a Debate with quotes and without "
            "positions='open', judge_asks, cross_examination and scratchpad"
        )
    return game


def _claims(game: Debate, question: Question, seed: int) -> dict[str, Claim]:
    sides = assignment(game, question, episode_seed(seed, question)).sides
    (one, first), (two, second) = sides.items()
    return {one: Claim(question, first, second), two: Claim(question, second, first)}


def _readable_kit(judge: Any, game: Debate, question: Question, seed: int) -> Kit:
    claim = next(iter(_claims(game, question, seed).values()))
    for kit in ENGLISH, STORY_WORDS:
        if knows(judge, kit.plain(claim) or ""):
            return kit
    raise ValueError(
        f"the judge's model does not know the words of the test on question {question.id!r}: give a task whose words "
        "it knows, or a kit of your own (kit=Kit(...))"
    )


def knows(judge: Any, text: str) -> bool:
    """Whether the judge's model, if it is one in this process, has a token for every word of the text."""
    model = getattr(judge, "lm", judge)
    unknown = getattr(getattr(model, "tokenizer", None), "unk_token_id", None)
    return unknown is None or unknown not in model.chat.encode_text(text)


def _plays(kit: Kit, game: Debate, question: Question, seed: int, judge: Any) -> Iterator[Play]:
    """All that is played on one question."""
    claims = _claims(game, question, seed)
    plain = {role: kit.plain(claim) or "" for role, claim in claims.items()}
    if any(count_words(text) > game.max_words for text in plain.values()):
        raise ValueError(f"max_words={game.max_words} cuts the plain speech on question {question.id!r}: give more")
    proofs = [rewrite.write(claim) for rewrite in kit.rewrites if rewrite.fair == "gain" for claim in claims.values()]
    proof = next(filter(None, proofs), None)
    yield Play(BLIND, None, game.baselines()["blind"], question, {})
    yield Play(PLAIN, None, replace(game, both_orders=True), question, plain)
    for role, claim in claims.items():
        yield Play(SILENCE, role, game, question, {**plain, role: ""})
        for rewrite in kit.rewrites:
            said = rewrite.write(claim)
            if said is None or count_words(said) > game.max_words or not knows(judge, said):
                continue
            yield Play(rewrite.name, role, game, question, {**plain, role: said})
            if proof is not None and _right(claim) is False:
                against = {**dict.fromkeys(claims, proof), role: said}
                yield Play(AGAINST_PROOF + rewrite.name, role, game, question, against)


def _views(record: Record) -> tuple[tuple[float, ...], ...]:
    """Log-probabilities by option: of the decision, then of each of its views."""
    decision = record.decision
    assert decision is not None
    views = [
        tuple([view.log_probs[order.index(option)] for option in range(len(order))])
        for view, order in zip(decision.views, decision.orders, strict=True)
    ]
    return decision.verdict.log_probs, *views


def _mass(records: Records, condition: str) -> Estimate:
    """What a language model put on the labels at all."""
    decided = [(question, r.decision) for (question, name, _), r in records.items() if name == condition and r.decision]
    return mean((question, d.verdict.mass) for question, d in decided if d.verdict.mass is not None)


@dataclass(frozen=True)
class _Table:
    """What the judge decided, by question, condition and the role whose speech was rewritten."""

    game: Debate
    questions: Sequence[Question]
    seed: int
    views: Mapping[tuple[str, str, str | None], tuple[tuple[float, ...], ...]]

    def effects(self, kit: Kit, plays: Sequence[Play], judge: Any) -> Iterator[Effect]:
        """What each rewrite did; those of ``ENGLISH`` that the kit has not, as not applicable."""
        for rewrite in kit.rewrites:
            effect = Effect(rewrite.name, rewrite.fair, rewrite.about, seed=self.seed)
            said = next((p.speeches[p.role] for p in plays if p.condition == rewrite.name and p.role), None)
            if said is None:
                yield replace(effect, not_applicable=self._why_not(rewrite, judge))
            else:
                pairs = tuple(self._pairs(rewrite))
                if rewrite.fair == "gain":
                    against = tuple([pair._replace(before=pair.after) for pair in pairs])
                else:
                    against = tuple(self._against_proof(rewrite, kit))
                yield replace(effect, pairs=pairs, against_proof=against, example=said)
        if kit is STORY_WORDS:
            names = {rewrite.name for rewrite in kit.rewrites}
            for rewrite in ENGLISH.rewrites:
                if rewrite.name not in names and rewrite.fair != "either":
                    yield Effect(rewrite.name, rewrite.fair, rewrite.about, not_applicable=UNSAYABLE)

    def _why_not(self, rewrite: Rewrite, judge: Any) -> str:
        for question in self.questions:
            for claim in _claims(self.game, question, self.seed).values():
                if (said := rewrite.write(claim)) is not None:
                    return UNSAYABLE if not knows(judge, said) else f"is longer than max_words={self.game.max_words}"
        return "these questions give nothing to say it with"

    def _pairs(self, rewrite: Rewrite) -> Iterator[Pair]:
        for question in self.questions:
            for role, claim in _claims(self.game, question, self.seed).items():
                after = self._odds(claim, rewrite.name, role)
                before = self._odds(claim, SILENCE, role) if rewrite.instead else self._odds(claim, PLAIN)
                if before is not None and after is not None:
                    yield Pair(question.id, _right(claim), before, after)

    def _against_proof(self, rewrite: Rewrite, kit: Kit) -> Iterator[Pair]:
        proof = next((other.name for other in kit.rewrites if other.fair == "gain"), "")
        for question in self.questions:
            (one, claim), (two, against) = _claims(self.game, question, self.seed).items()
            for wrong, role, right in (one, two, against), (two, one, claim):
                before = self._odds(right, proof, role)
                after = self._odds(right, AGAINST_PROOF + rewrite.name, wrong)
                if before is not None and after is not None:
                    yield Pair(question.id, True, before, after)

    def letters(self) -> Effect:
        """What it does to be read first, in the plain debate."""
        about = "the plain debate: read first, as A, against read second"
        pairs = []
        for question in self.questions:
            order = assignment(self.game, question, episode_seed(self.seed, question)).order
            claim = min(_claims(self.game, question, self.seed).values(), key=lambda claim: order.index(claim.side))
            if (views := self.views.get((question.id, PLAIN, None))) is not None:
                _, first, second = (view[claim.side] - view[claim.against] for view in views)
                pairs.append(Pair(question.id, _right(claim), second, first))
        return Effect(LETTERS, "unmoved", about, tuple(pairs), seed=self.seed)

    def belief(self, condition: str) -> Belief:
        found = []
        for question in self.questions:
            for claim in _claims(self.game, question, self.seed).values():
                if _right(claim) and (odds := self._odds(claim, condition)) is not None:
                    found.append((question.id, odds))
        return Belief(share((question, credit(odds)) for question, odds in found), mean(found))

    def _odds(self, claim: Claim, condition: str, role: str | None = None) -> float | None:
        """The judge's log-odds for the claim against the other one; None where it failed.

        The plain debate was judged in both orders: unless the game is as well, its first view is the one to compare.
        """
        views = self.views.get((claim.question.id, condition, role))
        if views is None:
            return None
        view = views[1] if condition == PLAIN and not self.game.both_orders else views[0]
        return view[claim.side] - view[claim.against]


def _right(claim: Claim) -> bool | None:
    truth = claim.question.truth
    return claim.side == truth if isinstance(truth, int) else None
