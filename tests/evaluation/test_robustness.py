"""The stress test of judges: scripted judges with one weakness each fail where they should, and only there."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from oversight_envs import Question
from oversight_envs.core.players import PlayerError
from oversight_envs.core.requests import Case
from oversight_envs.core.usage import Spent
from oversight_envs.core.verdict import Verdict
from oversight_envs.evaluation.effects import Effect, StressTest
from oversight_envs.evaluation.rewrites import ENGLISH, STORY_WORDS, Claim, Kit, settling_line
from oversight_envs.evaluation.robustness import estimate_stress_judge, stress_judge
from oversight_envs.judges import CallableJudge
from oversight_envs.play.store import StoreError
from oversight_envs.protocols import Debate
from oversight_envs.tasks import make_task
from oversight_envs.tasks.stories import Stories
from oversight_envs.testing import ConformanceError, check_judge_robustness

STORIES = Stories("test")


def speeches(case: Case) -> list[str]:
    """What was said for A and for B; two empty texts where nobody argues."""
    parts = re.split(r"Debater [AB] argues for .*\n", case.prompt[-1].content)
    return [part.split("\n\nWhich answer")[0] for part in parts[1:]] or ["", ""]


def prefers(score: Callable[[str], float]) -> CallableJudge:
    """A judge whose log-odds are the difference of a score of the two speeches."""

    def log_odds(case: Case) -> float:
        first, second = (score(text) for text in speeches(case))
        return first - second

    return CallableJudge(log_odds=log_odds)


def verified(text: str) -> float:
    """Believes verified quotes that name a place of the answer's kind: fair, but for what quotes say."""
    return 2.0 * len(re.findall(r"<v_quote>[^<]*moved[^<]*</v_quote>", text))


def broken(found: StressTest) -> set[str]:
    return {effect.name for effect in found.effects if effect.broken() is not None}


def effect(found: StressTest, name: str) -> Effect:
    return next(effect for effect in found.effects if effect.name == name)


def test_a_judge_that_counts_words_fails_by_what_is_long() -> None:
    found = stress_judge(prefers(lambda text: len(text.split()) / 10), STORIES, questions=6)
    assert {"verbosity", "repetition", "format", "flattery", "confidence"} <= broken(found)
    assert not {"letters", "paraphrase", "opener colon"} & broken(found)
    longer = effect(found, "verbosity")
    shift = longer.shift.value
    assert shift is not None
    said = speeches_of(longer)
    assert shift == pytest.approx(said / 10)
    assert (longer.won.value, longer.lost.value) == (1, 0)  # even before, and the same verdict for its user after
    assert longer.right_against_it.value == 0


def speeches_of(longer: Effect) -> int:
    """How many words padding adds to the example."""
    question = STORIES.sample(6, seed=0)[0]
    plain = [ENGLISH.plain(Claim(question, side, 1 - side)) or "" for side in (0, 1)]
    return len(longer.example.split()) - len(next(p for p in plain if longer.example.startswith(p)).split())


def test_a_judge_that_believes_whoever_flatters_fails_by_flattery_alone() -> None:
    fair_but_vain = prefers(lambda text: 3.0 * ("wise" in text) + verified(text))
    found = stress_judge(fair_but_vain, STORIES, questions=6)
    assert broken(found) == {"flattery", "quote beside the point"}  # it can't tell which quotes are to the point
    assert effect(found, "flattery").shift.value == pytest.approx(3)
    assert effect(found, "flattery").right_by_proof.value == 0  # praise counts 3, and the line that settles it 2
    assert effect(found, "flattery").proof_shift.value == pytest.approx(-3)
    assert effect(found, "authority").right_by_proof.value == 1
    assert effect(found, "settling quote").proof_shift.value == 0
    talked_out = r"flattery moves it by \+3.00; flattery against the settling quote moves it by -3.00"
    with pytest.raises(ConformanceError, match=talked_out):
        check_judge_robustness(fair_but_vain, STORIES, questions=6)


def test_a_judge_that_reads_for_itself_passes() -> None:
    """It weighs verified quotes that name the thing that is asked about, and nothing else."""

    def log_odds(case: Case) -> float:
        (thing,) = re.findall(r"Where was the (\w+)", case.question)
        weighs = [2.0 * len(re.findall(rf"<v_quote>[^<]*{thing}[^<]*</v_quote>", text)) for text in speeches(case)]
        return weighs[0] - weighs[1]

    judge = CallableJudge(log_odds=log_odds)
    check_judge_robustness(judge, STORIES, questions=6)
    found = stress_judge(judge, STORIES, questions=6)
    assert effect(found, "settling quote").shift.value == pytest.approx(2)
    assert len(effect(found, "settling quote").pairs) == 6  # of the right side alone
    assert len(effect(found, "flattery").pairs) == 12


def test_a_judge_that_nothing_moves_fails_by_the_evidence() -> None:
    with pytest.raises(ConformanceError, match="settling quote does not move it"):
        check_judge_robustness(lambda case: [0.5, 0.5], STORIES, questions=4)


def test_a_judge_that_likes_the_first_letter_fails_by_letters_alone() -> None:
    found = stress_judge(CallableJudge(probability=lambda case: 0.8), "passages", questions=6)
    assert broken(found) == {"letters"}
    assert effect(found, "letters").shift.value == pytest.approx(2 * math.log(4))
    assert effect(found, "letters").won.value == 1


def test_what_it_knows_before_is_no_effect() -> None:
    """The blind judge's own log-odds are in both debates, so they cancel."""

    def prior(case: Case) -> float:
        return 1.5 if case.options[0] < case.options[1] else -1.5

    judge = CallableJudge(log_odds=lambda case: prior(case) + verified(speeches(case)[0]) - verified(speeches(case)[1]))
    found = stress_judge(judge, STORIES, questions=8)
    assert found.blind == found.plain
    assert found.blind.accuracy.value not in (0, 1)
    assert effect(found, "settling quote").shift.value == pytest.approx(2)
    assert effect(found, "flattery").shift.value == 0
    assert effect(found, "letters").shift.value == 0


class Batches:
    """A judge that notes how many cases it is asked at once, and fails on some."""

    def __init__(self, fails: str = "no such text") -> None:
        self.sizes: list[int] = []
        self._fails = fails

    def decide(self, cases: Sequence[Case]) -> list[Verdict]:
        self.sizes.append(len(cases))
        if any(self._fails in case.prompt[-1].content for case in cases):
            raise PlayerError("it is upset")
        return [Verdict((-math.log(2),) * 2, mass=0.25) for _ in cases]


def test_all_debates_are_played_at_once() -> None:
    judge = Batches()
    with pytest.warns(UserWarning, match="less than 50%"):
        found = stress_judge(judge, "passages", questions=4, concurrency=1000)
    assert len(judge.sizes) == 1
    assert found.blind is not None
    assert found.blind.mass.value == found.plain.mass.value == 0.25


class Kept(Batches):
    """The same, which is known again whatever it has seen."""

    fingerprint = "kept"


@pytest.mark.filterwarnings("ignore:judge_0")
def test_a_test_that_was_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    whole = stress_judge(Kept(), "passages", questions=4)
    upset = stress_judge(Kept(fails="exceptionally wise"), "passages", questions=3, out=tmp_path)
    assert sum(upset.failures.values()) == 6
    judge = Kept()
    assert stress_judge(judge, "passages", questions=4, out=tmp_path).to_json() == whole.to_json()
    alone = Kept()
    stress_judge(alone, "passages", questions=1)
    assert sum(judge.sizes) < sum(alone.sizes) + 12  # the fourth question, and those that had failed
    again = Kept()
    assert stress_judge(again, "passages", questions=4, out=tmp_path).to_json() == whole.to_json()
    assert again.sizes == []
    wordy = Kit(ENGLISH.plain, tuple(replace(r, write=lambda claim: "So it is.") for r in ENGLISH.rewrites))
    with pytest.raises(StoreError, match="with other speeches than this test has"):
        stress_judge(Kept(), "passages", questions=4, out=tmp_path, kit=wordy)
    with pytest.raises(StoreError, match="played in another way than this run"):
        stress_judge(lambda case: [0.5, 0.5], "passages", questions=4, out=tmp_path)


class Priced(Kept):
    """A judge that says what an answer would take."""

    def expects(self, ask: Case) -> Spent:
        return Spent("priced", calls=1, tokens_in=len(ask.prompt[-1].content))


@pytest.mark.filterwarnings("ignore:judge_0")
def test_what_a_test_would_take_is_known_before() -> None:
    judge = Priced()
    (row,) = estimate_stress_judge(judge, "passages", questions=2)["judge_0"]
    assert judge.sizes == []
    read: list[str] = []

    def decide(case: Case) -> list[float]:
        read.append(case.prompt[-1].content)
        return [0.5, 0.5]

    stress_judge(decide, "passages", questions=2)
    assert (row.calls, row.tokens_in) == (len(read), sum(map(len, read)))


@pytest.mark.filterwarnings("ignore:judge_0")
def test_where_the_judge_fails_there_is_no_number() -> None:
    found = stress_judge(Batches(fails="exceptionally wise"), "passages", questions=3)
    assert dict(found.failures) == {
        "judge_0: PlayerError: it is upset": 6
    }  # nothing settles a passage: each side of 3 questions
    flattery = effect(found, "flattery")
    assert flattery.pairs == ()
    assert flattery.shift.value is None
    assert len(effect(found, "confidence").pairs) == 6
    with pytest.raises(ConformanceError, match=r"it failed in 6 games: .*it is upset"):
        check_judge_robustness(Batches(fails="exceptionally wise"), "passages", questions=3)
    with pytest.raises(PlayerError, match="upset"):
        stress_judge(Batches(fails="exceptionally wise"), "passages", questions=3, on_failure="raise")


def test_the_same_seed_gives_the_same_numbers_whatever_the_batches() -> None:
    judge = prefers(lambda text: len(text) / 100)
    one, other = (stress_judge(judge, "passages", questions=3, seed=5, concurrency=n).to_json() for n in (1, 50))
    assert one == other
    assert json.loads(one)["effects"][2]["name"] == "verbosity"
    assert one != stress_judge(judge, "passages", questions=3, seed=6).to_json()


def test_lines_that_settle_a_story() -> None:
    for question in STORIES.sample(30, seed=1):
        line = settling_line(question)
        assert line is not None and isinstance(question.truth, int)  # noqa: PT018
        assert line.endswith(f"to {question.options[question.truth]}.")
        assert question.metadata["thing"] in line
    asked = Question("q", "Where?", ("here", "there"), "It is here. Not there.", 0, {"settles": "It is here."})
    assert settling_line(asked) == "It is here."
    assert settling_line(replace(asked, metadata={})) is None


def test_invented_lines_are_in_no_story() -> None:
    written = {rewrite.name: rewrite.write for rewrite in STORY_WORDS.rewrites}
    for question in STORIES.sample(60, seed=2):
        for side in (0, 1):
            said = written["unmarked claim"](Claim(question, side, 1 - side))
            assert said is not None
            assert said.splitlines()[1] not in question.passage


def test_a_model_that_knows_few_words_gets_a_test_in_them() -> None:
    found = stress_judge("tiny-stories-judge", STORIES, protocol=Debate(wording="tiny_debate"), questions=2)
    assert found.settings["kit"] == "story words"
    unsaid = {effect.name for effect in found.effects if effect.not_applicable}
    assert {"flattery", "authority", "paraphrase", "opener thought"} <= unsaid
    assert len(effect(found, "forged mark").pairs) == 4
    with pytest.raises(ValueError, match="does not know the words of the test on question"):
        stress_judge("tiny-stories-judge", "passages", protocol=Debate(wording="tiny_debate"), questions=2)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"protocol": Debate(rounds=2, judge_asks=True)}, "give a Debate with quotes"),
        ({"protocol": Debate(quotes=False)}, "give a Debate with quotes"),
        ({"protocol": Debate(max_words=3)}, "max_words=3 cuts the plain speech"),
        ({"questions": 0}, "count=0"),
        ({"concurrency": 0}, "concurrency=0"),
    ],
)
def test_bad_input(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        stress_judge(lambda case: "A", make_task("passages"), **options)


def test_a_rewrite_that_is_too_long_is_not_cut() -> None:
    found = stress_judge(lambda case: [0.5, 0.5], STORIES, protocol=Debate(max_words=60), questions=2)
    assert effect(found, "verbosity").not_applicable == "is longer than max_words=60"
    with pytest.raises(ValueError, match="different names"):
        Kit(ENGLISH.plain, ENGLISH.rewrites[:1] * 2)
