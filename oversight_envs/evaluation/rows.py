"""Records as flat rows, one for each episode: for a table, a CSV file or a data frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from oversight_envs.core.record import Record
from oversight_envs.core.requests import Decision
from oversight_envs.evaluation.decisions import credit
from oversight_envs.evaluation.records import as_records

Cell = str | int | float | bool | None
Row = dict[str, Cell]


def to_rows(records: Iterable[Record] | Mapping[str, Iterable[Record]]) -> list[Row]:
    """One row for each episode, all with the same columns in the same order; None where there is nothing to say.

    ``records`` are those of a rollout or a file, or of several conditions by name (``evaluation.conditions``), which
    then stand in the column ``condition``. The other columns:

    - ``protocol``, ``task``, ``question_id``, ``question``, ``truth`` (in words), ``seed``, ``rule``, ``group``, and
      the game's options as ``config.NAME``;
    - ``ended``: ``finished``, ``truncated``, ``failed`` or ``unfinished``, and the ``reason`` without a result;
    - of the last decision ``choice`` (in words; None for a tie), ``choice_probability``, ``truth_probability``,
      ``log_score`` (natural log-probability of the truth), ``correct`` (1 or 0; a tie is the chance of guessing),
      ``label_mass``; and the count ``decisions``;
    - for each role ``ROLE.player``, ``ROLE.argues_for`` (in words), ``ROLE.honest`` (argues for the truth, or was told
      to be right), ``ROLE.answer``, ``ROLE.correct`` (what it argued for or answered), ``ROLE.score`` (the verifier's V
      of it), ``ROLE.reward``, and the counts ``ROLE.speeches``, ``ROLE.words``, ``ROLE.tokens``, ``ROLE.quotes``,
      ``ROLE.verified_quotes``;
    - ``wall_s``: how long it took, in seconds.
    """
    if isinstance(records, Mapping):
        rows = [
            {"condition": name, **_row(record)} for name, found in records.items() for record in as_records(found, name)
        ]
    else:
        rows = [_row(record) for record in as_records(records)]
    columns = dict.fromkeys(column for row in rows for column in row)
    return [{column: row.get(column) for column in columns} for row in rows]


def to_frame(records: Iterable[Record] | Mapping[str, Iterable[Record]]) -> Any:
    """``to_rows`` as a pandas DataFrame. Raises ImportError, with the fix, where pandas is not installed."""
    try:
        from pandas import DataFrame
    except ModuleNotFoundError as error:
        raise ImportError(
            "to_frame needs a package: pip install pandas; to_rows(records) gives the same rows without it"
        ) from error
    return DataFrame(to_rows(records))


def _row(record: Record) -> Row:
    question = record.question
    row: Row = {
        "protocol": record.protocol,
        "task": record.task,
        "question_id": question.id,
        "question": question.text,
        "truth": question.options[question.truth] if isinstance(question.truth, int) else question.truth,
        "seed": record.seed,
        "rule": record.rule,
        "group": record.group,
        "ended": _ended(record),
        "reason": record.ended_without_result,
        **_decided(record),
    }
    for role in record.roles:
        row |= {f"{role}.{name}": value for name, value in _of_role(record, role).items()}
    row |= {f"config.{name}": _cell(value) for name, value in record.config.items()}
    return row | {"wall_s": record.timings.get("wall_s")}


def _ended(record: Record) -> str:
    if record.truncated is not None:
        return "truncated"
    if record.failed is not None:
        return "failed"
    return "unfinished" if record.outcome is None else "finished"


def _decided(record: Record) -> Row:
    decision, truth = record.decision, record.question.truth
    row: Row = {"decisions": len(record.decisions)}
    if decision is None:
        return row
    verdict = decision.verdict
    row |= {
        "choice": None if verdict.choice is None else record.question.options[verdict.choice],
        "choice_probability": None if verdict.choice is None else verdict.probabilities[verdict.choice],
        "label_mass": verdict.mass,
    }
    return row | (_against(decision, truth) if isinstance(truth, int) else {})


def _against(decision: Decision, truth: int) -> Row:
    verdict = decision.verdict
    return {
        "truth_probability": verdict.probabilities[truth],
        "log_score": verdict.log_probs[truth],
        "correct": credit(verdict, truth),
    }


def _of_role(record: Record, role: str) -> Row:
    side, truth = record.assigned.sides.get(role), record.question.truth
    row: Row = {"player": player_name(record.players.get(role))}
    if side is not None:
        row["argues_for"] = record.question.options[side]
        row["honest"] = None if truth is None else side == truth
    elif role in record.assigned.honest:
        row["honest"] = record.assigned.honest[role]
    if role in record.answers:
        row["answer"] = record.answers[role]
    if role in record.correct:
        row["correct"] = record.correct[role]
    if scores := [scored.value for scored in record.scores if scored.author == role]:
        row["score"] = scores[-1]
    if role in record.rewards:
        row["reward"] = record.rewards[role]
    if record.roles[role].speaks:
        said = [statement for statement in record.transcript if statement.role == role]
        quotes = [quote for statement in said for quote in statement.quotes]
        row |= {
            "speeches": len(said),
            "words": sum(len(statement.text.split()) for statement in said),
            "tokens": sum(len(statement.token_ids) for statement in said) or None,
            "quotes": len(quotes),
            "verified_quotes": sum(bool(quote.verified) for quote in quotes),
        }
    return row


def player_name(described: Mapping[str, Any] | None) -> str | None:
    """A player's description in one word: its model's name where it has one, else its own, else its type."""
    while described:
        inner = described.get("lm")
        if not isinstance(inner, Mapping):
            return str(next((described[key] for key in ("model", "name", "type") if described.get(key)), "")) or None
        described = inner
    return None


def _cell(value: Any) -> Cell:
    return value if value is None or isinstance(value, (str, int, float)) else str(value)
