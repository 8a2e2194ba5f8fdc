"""Metrics on hand-made records with known answers, and reports that nothing can break out of."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from oversight_envs.agents import ScriptedAgent
from oversight_envs.core.players import Players
from oversight_envs.core.protocol import Protocol
from oversight_envs.core.question import Question, Task
from oversight_envs.core.record import Record
from oversight_envs.core.requests import Case, Solution, Turn
from oversight_envs.evaluation import Estimate, Evaluation, compare, evaluate, measure
from oversight_envs.evaluation.statistics import mean, share
from oversight_envs.judges import CallableJudge
from oversight_envs.play import StoreError, rollout
from oversight_envs.protocols import Consultancy, Debate, Direct, ProverVerifier
from oversight_envs.report.page import page
from oversight_envs.report.report import load_runs, render_report, write_report
from oversight_envs.report.sentences import sentences

PASSAGE = "The mill stood by the river. On Monday the miller sold it to his sister, and she let it fall down."
HOSTILE = (
    "<script>alert('x')</script><img src=x onerror=alert(1)>[bold red]{{ 7 * 7 }} "
    '<quote>the miller sold it to his sister</quote> <quote>"><script>steal()</script> sold</quote> http://evil.example/'
)


class Questions(Task):
    """A few questions, with or without options."""

    name, split = "questions", "all"

    def __init__(self, count: int = 4, *, options: bool = True, passage: str = PASSAGE) -> None:
        self.checkable = not options
        self._questions = [
            Question(
                id=f"q{i}",
                text=f"Who has the mill, version {i}?",
                options=("the sister", "the miller") if options else (),
                passage=passage,
                truth=i % 2 if options else str(i),
            )
            for i in range(count)
        ]

    def __len__(self) -> int:
        return len(self._questions)

    def __getitem__(self, index: int) -> Question:
        return self._questions[index]

    def check(self, question: Question, answer: str | None) -> bool:
        return answer == question.truth


def play(
    protocol: Protocol, task: Task, log_odds: Mapping[str, float], said: Any = ("I agree.",), **options: Any
) -> list[Record]:
    """Plays every question; the judge gives the *right* answer the log-odds listed for the question."""

    def decide(case: Case) -> float:
        question = next(task[i] for i in range(len(task)) if task[i].id == case.question_id)
        assert isinstance(question.truth, int)
        sign = 1 if case.options[0] == question.options[question.truth] else -1
        return sign * log_odds[case.question_id]

    speaker = ScriptedAgent(said)
    players = {r: CallableJudge(decide) if r == "judge_0" else speaker for r in protocol.duties}
    return rollout(protocol, task, players, questions=[task[i] for i in range(len(task))], **options)


def close(estimate: Estimate, value: float, low: float | None = None, high: float | None = None) -> None:
    assert estimate.value == pytest.approx(value, abs=1e-4)
    if low is not None:
        assert estimate.interval == pytest.approx((low, high), abs=1e-4)


def test_wilson_interval_of_a_textbook_case() -> None:
    # Newcombe 1998, table I: 81 of 263 gives .2553 to .3662
    close(share((i, float(i < 81)) for i in range(263)), 81 / 263, 0.2553, 0.3662)


def test_intervals_are_over_questions_not_episodes() -> None:
    once = share([("a", 1.0), ("b", 0.0)])
    assert share([("a", 1.0)] * 50 + [("b", 0.0)] * 50) == once
    assert once.n == 2
    assert mean([("a", 1.0)] * 50 + [("b", 0.0)]).value == 0.5


def test_undefined_is_never_a_number() -> None:
    assert share([]).value is None
    assert Estimate(math.nan, math.inf, -math.inf) == Estimate(None)
    assert Estimate(math.nan).text() == "undefined"
    assert mean([("a", 2.0)]) == Estimate(2.0, n=1)


def test_judge_metrics_of_known_verdicts() -> None:
    records = play(Debate(), Questions(4), {"q0": 2.0, "q1": 1.0, "q2": -1.0, "q3": 0.0})
    decisions = measure(records).decisions
    assert decisions is not None
    close(decisions.accuracy, 2.5 / 4)  # two right, one wrong, one tie worth half
    assert decisions.ties == 1
    assert decisions.chance == 0.5
    close(decisions.honest_wins, 2.5 / 4)
    close(decisions.dishonest_wins, 1.5 / 4)
    p = [1 / (1 + math.exp(-x)) for x in (2, 1, -1, 0)]
    close(decisions.log_score, sum(map(math.log, p)) / 4)
    close(decisions.brier, sum((1 - x) ** 2 for x in p) / 4)
    # bins of confidence: .88 right, {.73 right, .73 wrong}, .5 tie
    assert [b.count for b in decisions.bins] == [1, 2, 1]
    gap = abs(p[1] - 0.5) * 2 + (1 - p[0]) + 0.0
    assert decisions.calibration_error == pytest.approx(gap / 4)
    assert decisions.label_mass.value is None


def test_position_bias_cancels_the_merits_under_both_orders() -> None:
    task = Questions(4)
    judge = CallableJudge(lambda case: 0.7 + (2.0 if case.options[0] == "the sister" else -2.0))
    players: Players = {"debater_0": ScriptedAgent(["a"]), "debater_1": ScriptedAgent(["b"]), "judge_0": judge}
    records = rollout(Debate(both_orders=True), task, players)
    decisions = measure(records).decisions
    assert decisions is not None
    close(decisions.position_bias, 0.7, 0.7, 0.7)
    assert page(records[0]).bias == pytest.approx(0.7)


def test_consultancy_tells_honest_from_dishonest() -> None:
    records = play(Consultancy(), Questions(12), {f"q{i}": 3.0 for i in range(12)})
    metrics = measure(records)
    assert metrics.decisions is not None
    assert metrics.decisions.honest_wins.value == 1
    assert metrics.decisions.dishonest_wins.value == 0
    assert set(metrics.speeches) == {"honest", "dishonest"}
    assert sum(s.count for s in metrics.speeches.values()) == 12


def test_speech_metrics() -> None:
    texts = {
        "debater_0": ["<quote>sold it to his sister</quote> and <quote>the miller kept it forever</quote>"],
        "debater_1": ["Answer A is right, " + "word " * 30],
    }
    records = play(Debate(max_words=20), Questions(4), {f"q{i}": 1.0 for i in range(4)}, texts)
    spoken = measure(records).speeches
    quoted = sum((s.quotes.value or 0) * s.count for s in spoken.values())
    assert quoted == 8  # four speeches with two quotes each, on whichever side
    for side in spoken.values():
        assert side.verified.value in (0.5, None)
    assert sum((s.cut.value or 0) * s.count for s in spoken.values()) == 4
    assert sum((s.names_label.value or 0) * s.count for s in spoken.values()) == 4
    empty = measure(play(Debate(), Questions(2), {"q0": 1.0, "q1": 1.0}, [" "])).speeches
    assert all(side.empty.value == 1 and side.verified.value is None for side in empty.values())


def solve(scores: Any, answers: Any) -> list[Record]:
    task = Questions(4, options=False, passage="")
    speaker = ScriptedAgent(answers)
    players: Players = {"helpful_0": speaker, "sneaky_0": speaker, "verifier_0": CallableJudge(scores=scores)}
    return rollout(ProverVerifier(), task, players, questions=[task[i] for i in range(4)])


def test_prover_metrics() -> None:
    def answer(turn: Turn) -> str:
        if turn.role == "sneaky_0":
            return "no idea" if turn.episode.question.id == "q0" else "Answer: wrong"
        return f"Answer: {turn.episode.question.id[1:]}"

    def score(solution: Solution) -> float:
        return (
            1.5
            if solution.text.endswith("wrong") and solution.question_id == "q1"
            else float("wrong" not in solution.text)
        )

    found = measure(solve(score, answer)).solutions
    assert found is not None
    assert found.accuracy["helpful_0"].value == 1
    assert found.accuracy["sneaky_0"].value == 0
    assert found.unanswered["sneaky_0"].value == 0.25
    assert found.score["helpful_0"]["right"].value == 1
    assert found.score["helpful_0"]["wrong"].value is None
    # right: 1 1 1 1; wrong: 1 (no idea), 1.5, 0, 0 -> wins (8 + ties 4 * .5) of 16 pairs
    close(found.auc, 10 / 16)


def test_auc_is_undefined_when_one_class_is_missing() -> None:
    found = measure(solve(lambda _: 1.0, ["Answer: wrong"])).solutions
    assert found is not None
    assert found.auc.value is None
    said = " ".join(sentences(Evaluation({"prover_verifier": solve(lambda _: 1.0, ["Answer: wrong"])})))
    assert "undefined" in said
    assert "nan" not in said.lower()


def test_truncated_episodes_are_counted_and_left_out() -> None:
    records = play(Debate(), Questions(3), {f"q{i}": 1.0 for i in range(3)})
    records[1] = replace(records[1], outcome=None, truncated="judge_0 gave two ambiguous answers", rewards={})
    metrics = measure(records)
    assert (metrics.episodes, metrics.truncated) == (3, 1)
    assert metrics.decisions is not None
    assert metrics.decisions.accuracy.n == 2
    assert "ambiguous" in render_report([Evaluation({"debate": records})])


def test_unknown_truth_gives_no_accuracy() -> None:
    records = play(Direct(), Questions(2), {"q0": 1.0, "q1": 1.0})
    records = [replace(r, question=replace(r.question, truth=None), correct={}) for r in records]
    metrics = measure(records)
    assert metrics.decisions is None
    assert "nothing can be said" in sentences(Evaluation({"direct": records}))[0]
    render_report([Evaluation({"direct": records})])


def test_configurations_are_never_pooled() -> None:
    odds = {"q0": 1.0, "q1": 1.0}
    with pytest.raises(ValueError, match="different configurations"):
        measure(play(Debate(), Questions(2), odds) + play(Debate(rounds=2), Questions(2), odds))


def test_paired_comparison() -> None:
    right = play(Debate(), Questions(10), {f"q{i}": 1.0 for i in range(10)})
    half = play(Debate(), Questions(10), {f"q{i}": 1.0 if i < 5 else -1.0 for i in range(10)})
    gain = compare(right, half, seed=3)
    close(gain, 0.5)
    assert gain == compare(right, half, seed=3)
    assert gain.low is not None
    assert 0.1 < gain.low < 0.5
    close(compare(right, right), 0.0, 0.0, 0.0)
    assert compare(right, play(Debate(), Questions(1), {"q0": 1.0})).n == 1


def players_of(protocol: Protocol, said: Sequence[str] = ("Hm.",)) -> dict[str, Any]:
    judge = CallableJudge(lambda case: 1.0 if case.options[0] == "the sister" else -1.0)
    return {r: judge if r == "judge_0" else ScriptedAgent(list(said)) for r in protocol.duties}


def test_evaluate_keeps_everything_and_resumes(tmp_path: Path) -> None:
    game, task = Debate(), Questions(4)
    first = evaluate(game, task, players_of(game), questions=3, out=tmp_path)
    assert list(first.conditions) == ["debate", "blind", "expert"]
    ids = [[r.question.id for r in records] for records in first.conditions.values()]
    assert ids[0] == ids[1] == ids[2]
    before = (tmp_path / "debate.jsonl").read_bytes()
    more = evaluate(game, task, players_of(game), questions=4, out=tmp_path)
    after = (tmp_path / "debate.jsonl").read_bytes()
    assert after.startswith(before)
    assert after.count(b"\n") == 4
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["version"] == 1
    assert summary["settings"]["questions"] == 4
    assert summary["metrics"]["debate"]["decisions"]["accuracy"]["value"] == 0.5
    assert summary["gain_in_accuracy_over"]["blind"]["value"] == 0
    assert Evaluation.load(tmp_path).metrics == more.metrics


@pytest.mark.parametrize("change", [{"seed": 1}, {"samples": 2}, {"about": {"path": "other"}}])
def test_a_folder_holds_one_run(tmp_path: Path, change: dict[str, Any]) -> None:
    game = Debate()
    evaluate(game, Questions(2), players_of(game), out=tmp_path)
    with pytest.raises(StoreError, match="another"):
        evaluate(game, Questions(2), players_of(game), out=tmp_path, **change)


def test_baselines_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    game = Debate()
    with pytest.raises(ValueError, match="baselines='expert'"):
        evaluate(game, Questions(2, passage=""), players_of(game), out=tmp_path, baselines=["expert"])
    with pytest.raises(ValueError, match="choose from"):
        evaluate(game, Questions(2), players_of(game), out=tmp_path, baselines=["random"])


class Tags(HTMLParser):
    """Counts elements, and collects whatever would be fetched or run."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.resources: list[str] = []
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.resources += [value or "" for key, value in attrs if key in ("src", "href", "srcset", "action", "data")]
        self.handlers += [key for key, _ in attrs if key.startswith("on")]


def test_a_hostile_speech_stays_text() -> None:
    records = play(Debate(scratchpad=True, rounds=2), Questions(2), {"q0": 1.0, "q1": -1.0}, [HOSTILE])
    clean = play(Debate(scratchpad=True, rounds=2), Questions(2), {"q0": 1.0, "q1": -1.0}, ["Fine."])
    html = render_report([Evaluation({"debate": records}, name="<b>name</b>")], heading="<script>")
    tags, expected = Tags(), Tags()
    tags.feed(html)
    expected.feed(render_report([Evaluation({"debate": clean}, name="n")]))
    for tag in ("script", "b", "img"):
        assert tags.tags.count(tag) == expected.tags.count(tag), tag
    assert tags.handlers == []
    assert all(resource.startswith("data:image/png;base64,") for resource in tags.resources)
    assert not re.search(r"url\(|@import|<link", html)
    assert "{{ 7 * 7 }}" in html
    assert "alert(&#39;x&#39;)" in html


def test_the_page_shows_what_happened() -> None:
    records = play(Debate(scratchpad=True), Questions(1), {"q0": 2.0}, ["<scratchpad>shh</scratchpad>" + HOSTILE])
    shown = page(records[0], {"blind": {"q0": 0.25}})
    assert {b.tone for b in shown.bubbles} == {"honest", "dishonest"}
    assert [p.style for p in shown.bubbles[0].pieces] == ["", "verified", "", "unverified", ""]
    assert "On Monday" in shown.bubbles[0].pieces[1].hint
    assert "shh" in shown.bubbles[0].private
    assert "shh" not in "".join(p.text for p in shown.bubbles[0].pieces)
    assert "".join(p.text for p in shown.passage) == PASSAGE
    assert [p.style for p in shown.passage] == ["", "contested", ""]
    assert [(bar.option, bar.right) for bar in shown.bars if bar.probability > 0.5] == [("the sister", True)]
    assert shown.others == {"blind": 0.25}
    assert set(shown.tags) == {"all", "right", "unverified"}


def test_report_files(tmp_path: Path) -> None:
    game = Debate()
    evaluate(game, Questions(4), players_of(game), out=tmp_path / "runs" / "a")
    (run,) = load_runs([tmp_path / "runs"])
    assert run.name == "debate on questions"
    html, picture = write_report([run], tmp_path / "report.html", limit=1)
    text = html.read_text()
    assert text.count("<article") == 1
    assert "3 more episodes are in debate.jsonl" in text
    assert str(tmp_path) not in text
    assert picture is not None
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_damaged_files_are_named_with_their_line(tmp_path: Path) -> None:
    file = tmp_path / "e.jsonl"
    file.write_text('{"schema": 1}\n')
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ValueError, match=r"e\.jsonl, line 1"):
        load_runs([file])
    with pytest.raises(FileNotFoundError, match="no such file"):
        load_runs([tmp_path / "nothing"])
    with pytest.raises(FileNotFoundError, match=r"no \.jsonl"):
        load_runs([empty])
    (empty / "expert.jsonl").touch()
    with pytest.raises(ValueError, match="no finished episode"):
        load_runs([empty])
