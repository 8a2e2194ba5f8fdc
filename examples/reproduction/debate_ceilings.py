"""How often a judge could be right that reads perfectly what debaters of stories say: counted, not guessed.

The best rule on what a judge sees of a debate is counted on one half of many debates and scored on the other, so that
no cell of the count is scored by the debates that filled it. What is seen of each side: whether its answer is a typical
place of the thing, and

- ``marks``: whether its quote is marked as verified,
- ``lines``: what its quote says, marks apart,
- ``both``.

Where both quote lines that put the thing at their own place by the day in question, it is seen whose is the later one.
"""

from collections import Counter

from oversight_envs.core.record import Record
from oversight_envs.evaluation.statistics import Estimate, share
from oversight_envs.judges import CallableJudge
from oversight_envs.play import rollout
from oversight_envs.protocols import Debate
from oversight_envs.tasks.stories import TYPICAL, Stories

SETTLES = "own place, by then"


def ceilings(debater, questions) -> dict[str, Estimate]:
    """The accuracy of the best rules on debates of ``debater`` with itself, by what they see."""
    players = {"debater_0": debater, "debater_1": debater, "judge_0": CallableJudge(log_odds=lambda case: 0.0)}
    records = rollout(Debate(wording="tiny_debate"), Stories("validation"), players, questions=questions, seed=2)
    return {seen: _best_rule(records, seen) for seen in ("marks", "lines", "both")}


def _best_rule(records: list[Record], seen: str) -> Estimate:
    wins: Counter[tuple] = Counter()
    half = len(records) // 2
    for record in records[:half]:
        truth, one, other = record.question.truth, *_sides(record, seen)
        wins[one, other] += 1 if truth == 0 else -1
        wins[other, one] += 1 if truth == 1 else -1  # the rule may not depend on which answer comes first
    credits = []
    for record in records[half:]:
        balance = wins[tuple(_sides(record, seen))]
        right = 0.5 if balance == 0 else float((balance > 0) == (record.question.truth == 0))
        credits.append((record.question.id, right))
    return share(credits)


def _sides(record: Record, seen: str) -> list[tuple]:
    """What a judge sees of each answer's side."""
    story, options = record.question.metadata, record.question.options
    quotes = {record.assigned.sides[s.role]: s.quotes[0] if s.quotes else None for s in record.transcript}
    verified = [quotes[side] is not None and quotes[side].verified for side in range(2)]
    said = [_said(quotes[side], story, options[side]) for side in range(2)]
    if seen == "both":
        said = [what if is_true else ("made up", 0) for what, is_true in zip(said, verified, strict=True)]
    settled = seen != "marks" and all(what == SETTLES for what, _ in said)
    found = []
    for side, option in enumerate(options):
        typical = option.removeprefix("the ") in TYPICAL[story["thing"]]
        what, day = said[side]
        later = settled and day > said[1 - side][1]
        found.append((typical, verified[side] if seen == "marks" else what, later))
    return found


def _said(quote, story, option) -> tuple[str, int]:
    """What a quote of one whole line says of the thing, and its day."""
    words = "" if quote is None else quote.text
    if not words.startswith("Day ") or f"the {story['thing']} to" not in words:
        return "something else", 0
    day = int(words.split()[1].rstrip(":"))
    if not words.rstrip(".").endswith(option):
        return "another place", day
    return (SETTLES if day <= story["day"] else "own place, later"), day
