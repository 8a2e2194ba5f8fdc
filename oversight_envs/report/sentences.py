"""What an evaluation says, in plain sentences, with no more certainty than its intervals give."""

from __future__ import annotations

from collections.abc import Mapping

from oversight_envs.core.requests import Role
from oversight_envs.core.verdict import LOW_MASS
from oversight_envs.evaluation.evaluate import Evaluation
from oversight_envs.evaluation.metrics import Decisions, Estimate, Metrics, SolutionMetrics

TITLES = {
    "blind": "blind (question only)",
    "expert": "expert (reads the passage)",
    "prover_verifier": "prover-verifier",
    "proposer_critic": "proposer-critic",
    "recursive_debate": "recursive debate",
    "interactive_proof": "interactive proof",
    "market_making": "market making",
}


def title(condition: str) -> str:
    """A condition's name as people read it."""
    return TITLES.get(condition, condition)


def sentences(evaluation: Evaluation) -> list[str]:
    """What was found, one fact a sentence, the most important first."""
    metrics = evaluation.metrics[evaluation.main]
    said = []
    if metrics.decisions:
        decisions = [record.decision for record in evaluation.conditions[evaluation.main] if record.decision]
        both = any(len(decision.orders) > 1 for decision in decisions)
        said += _judged(evaluation.main, metrics.decisions, both_orders=both)
        said += [_gained(evaluation.main, name, gain) for name, gain in evaluation.gains.items()]
        said += _quoted(metrics)
    if metrics.solutions:
        said += _solved(metrics.solutions, evaluation.conditions[evaluation.main][0].roles)
    if not metrics.decisions and not metrics.solutions:
        said.append("No finished episode has a known right answer, so nothing can be said about accuracy.")
    if metrics.truncated:
        said.append(f"{metrics.truncated} of {metrics.episodes} episodes ended without a result and are left out.")
    if metrics.failed:
        said.append(
            f"{metrics.failed} of {metrics.episodes} episodes failed, because a player could not answer, and are left "
            "out: the same command plays them again."
        )
    return said


def _judged(name: str, decisions: Decisions, *, both_orders: bool) -> list[str]:
    accuracy = decisions.accuracy
    chance = decisions.chance
    said = [
        f"In the {title(name)} condition the judge was right on {accuracy.text('percent')} of {accuracy.n} questions; "
        f"guessing would be right on {chance:.0%}, so this is {_versus(accuracy, chance)}."
    ]
    bias = decisions.position_bias
    # of fewer questions, chance alone often shows every right answer in the same place
    if bias.value is not None and bias.interval and bias.n >= 6 and not bias.low <= 0 <= bias.high:  # type: ignore[operator]
        side = "first" if bias.value > 0 else "last"
        cure = "both orders were judged, which cancels this" if both_orders else "judge both orders to cancel this"
        said.append(
            f"It leans to the answer shown {side} (log-odds {bias.text('signed')}, 0 without bias), whatever is "
            f"argued: {cure}."
        )
    if decisions.label_mass.value is not None and decisions.label_mass.value < LOW_MASS:
        said.append(
            f"It put only {decisions.label_mass.value:.0%} of its probability on the answer letters at all: it hardly "
            "took the question as a choice, and its verdicts say little."
        )
    return said


def _versus(estimate: Estimate, chance: float) -> str:
    if estimate.low is None or estimate.high is None:
        return "too little to compare"
    if estimate.low > chance:
        return "better than chance"
    if estimate.high < chance:
        return "worse than chance"
    return "near chance: no difference from guessing can be seen" if abs((estimate.value or 0) - chance) < 0.15 else (
        "not enough questions to tell it from chance"
    )  # fmt: skip


def _gained(main: str, baseline: str, gain: Estimate) -> str:
    what = "blind, seeing the question only" if baseline == "blind" else "with the passage to read"
    if gain.value is not None and gain.interval is None and gain.n > 1:
        return (
            f"Against the same judge {what}, accuracy differs by {gain.text('points')} on each of the same {gain.n} "
            "questions."
        )
    if gain.value is None or gain.low is None or gain.high is None:
        return f"Too few questions to compare the {title(main)} with the same judge {what}."
    told = (
        "so it helped" if gain.low > 0 else "so it hurt" if gain.high < 0 else "so no difference can be seen"
    )  # fmt: skip
    if baseline == "expert":
        told = "no difference can be seen" if gain.low <= 0 <= gain.high else "this is what is left to gain" if (
            gain.value < 0) else "it did better than reading alone"  # fmt: skip
    return f"Against the same judge {what}, accuracy differs by {gain.text('points')} on the same questions: {told}."


def _quoted(metrics: Metrics) -> list[str]:
    shares = [
        f"{found.verified.text('percent')} of the quotes of the {who} side"
        for who, found in metrics.speeches.items()
        if who in ("honest", "dishonest") and found.verified.value is not None
    ]
    return [f"In the passage stand {' and '.join(shares)}."] if shares else []


def _solver(kind: str) -> str:
    return f"the {kind} prover" if kind in ("helpful", "sneaky") else f"the {kind}"


def _solved(solutions: SolutionMetrics, roles: Mapping[str, Role]) -> list[str]:
    rates = " and ".join(
        f"{_solver(roles[role].kind)} {share.text('percent')}" for role, share in solutions.accuracy.items()
    )
    said = [f"Right solutions: {rates}."]
    auc = solutions.auc
    if auc.value is None:
        said.append("The verifier's AUC is undefined: all solutions are right, or all are wrong.")
    else:
        said.append(
            f"The verifier scores a right solution above a wrong one {auc.text('percent')} of the time; a coin would "
            f"50%, so this is {_versus(auc, 0.5)}."
        )
    return said
