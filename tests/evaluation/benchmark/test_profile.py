"""A profile: what is played and what is left out, going on after a stop, and comparing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from oversight_envs.evaluation.benchmark.compare import compare_profiles
from oversight_envs.evaluation.benchmark.plan import find_suite, plan_suite
from oversight_envs.evaluation.benchmark.profile import Profile
from oversight_envs.evaluation.benchmark.run import run_suite
from oversight_envs.evaluation.benchmark.suite import MODEL, SUITES, Suite
from oversight_envs.play import StoreError

TINY = {
    "debater": "tiny-stories-debater",
    "judge": "tiny-stories-judge",
    "prover": "tiny-arithmetic-prover",
    "verifier": "tiny-arithmetic-verifier",
}
QUICK = find_suite("oversight-v0", "quick")
SMALL = replace(QUICK, parts=tuple([replace(part, questions=3) for part in QUICK.parts]))
"""The quick suite on three questions each."""


def play(suite: Suite, specs: dict[str, str], out: Path, **options: Any) -> Profile:
    return run_suite(suite, plan_suite(suite, specs), specs, out=out, **options)[0]


def without_time(path: Path) -> Any:
    profile = json.loads((path / "profile.json").read_text())
    for part in profile["parts"].values():
        part.pop("took", None)
    return profile


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Profile]:
    folder = tmp_path_factory.mktemp("tiny")
    return folder, play(SMALL, TINY, folder)


def test_tiny_models_play_what_they_have_words_for(tiny: tuple[Path, Profile]) -> None:
    folder, profile = tiny
    left_out = {name for name, result in profile.parts.items() if result.left_out}
    assert left_out == {"debater on passages", "judge on passages"}
    stories = profile.parts["judge on stories"]
    assert stories.played["config"]["wording"] == "tiny_debate"
    assert stories.games == 6  # the debate, and blind
    assert set(stories.players) == {"debater_0", "debater_1", "judge_0"}
    assert all(player["fingerprint"] for player in stories.players.values())
    assert stories.measures["probability on the letters"].estimate.value == pytest.approx(1, abs=0.01)
    assert len(stories.measures["right after the debate"].by_question or ()) == 3
    assert profile.parts["debater on stories"].games == 6  # both sides
    asked = profile.parts["verifier on sums"].measures["AUC"].by_question or {}
    assert all(question.startswith("arithmetic-chain") for question in asked)
    assert [len(scores) for scores in asked.values()] == [2, 2, 2]
    assert all(result.took["wall_s"] >= 0 for result in profile.parts.values() if not result.left_out)
    assert Profile.load(folder) == Profile.load(folder / "profile.json")
    assert Profile.load(folder).to_json() == profile.to_json()


def test_a_stopped_profile_goes_on_to_the_same(tiny: tuple[Path, Profile], tmp_path: Path) -> None:
    for stopped in ("debater on stories", 2), ("judge's stress test on stories", 2), ("prover on sums", 1):

        def stop(part: str, done: int, _: int, at: tuple[str, int] = stopped) -> None:
            if (part, done) == at:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            play(SMALL, TINY, tmp_path, on_progress=stop)
        assert not (tmp_path / "profile.json").exists()
    play(SMALL, TINY, tmp_path, concurrency=2)
    assert without_time(tmp_path) == without_time(tiny[0])
    before = (tmp_path / "profile.json").read_bytes()
    play(SMALL, TINY, tmp_path)
    assert (tmp_path / "profile.json").read_bytes() == before  # its time, too: nothing was played


def test_a_folder_of_another_profile_is_refused(tiny: tuple[Path, Profile]) -> None:
    with pytest.raises(StoreError, match="digest is"):
        play(replace(SMALL, seed=1), TINY, tiny[0])
    with pytest.raises(StoreError, match="models"):
        play(SMALL, {"judge": "oracle"}, tiny[0])


def test_profiles_are_compared_by_question(tiny: tuple[Path, Profile], tmp_path: Path) -> None:
    oracle = play(SMALL, {"judge": "oracle", "verifier": "oracle"}, tmp_path)
    parts = {compared.part: compared for compared in compare_profiles({"tiny": tiny[1], "oracle": oracle})}
    assert parts["debater on stories"].why_not == "oracle: nobody was given as debater"
    assert "were asked other questions" in str(parts["verifier on sums"].why_not)  # chains, and sums in words
    assert parts["judge on stories"].notes == ["wording is 'tiny_debate' for tiny and None for oracle"]
    rows = {row.measure: row for row in parts["judge on stories"].rows}
    right = rows["right after the debate"]
    known = tiny[1].parts["judge on stories"].measures["right after the debate"].by_question
    assert right.values["oracle"].value == 1
    assert right.differences["oracle"].value == pytest.approx(1 - sum(known.values()) / 3)  # type: ignore[union-attr]
    assert rows["calibration error"].differences["oracle"] is None
    assert rows["calibration error"].p["oracle"] is None
    assert right.p["oracle"] == 1.0  # of three questions nothing is shown, and less of so many measures


def test_aucs_are_compared_by_the_scores_behind_them(tmp_path: Path) -> None:
    suite = replace(SMALL, parts=SMALL.parts[-1:])
    oracle = play(suite, {"verifier": "oracle"}, tmp_path)
    (name,) = oracle.parts
    auc = oracle.parts[name].measures["AUC"]
    worst = replace(auc, by_question={key: [wrong, right] for key, (right, wrong) in auc.by_question.items()})  # type: ignore[union-attr]
    other = replace(oracle, parts={name: replace(oracle.parts[name], measures={"AUC": worst})})
    (compared,) = compare_profiles({"oracle": oracle, "worst": other})
    difference = next(row for row in compared.rows if row.measure == "AUC").differences["worst"]
    assert difference is not None
    assert difference.value == -1
    assert len(auc.by_question) == 3  # type: ignore[arg-type]
    again = compare_profiles({"oracle": oracle, "worst": other})
    assert again == [compared]  # the resampling too


def test_other_suites_are_not_compared(tiny: tuple[Path, Profile]) -> None:
    mine = tiny[1]
    for other, says in (
        (replace(mine, size="full"), "size is 'quick' in the one and 'full' in the other"),
        (replace(mine, suite="oversight-v1"), "suite is 'oversight-v0' in the one and 'oversight-v1'"),
        (replace(mine, digest="0"), r"definition \(digest\) is"),
    ):
        with pytest.raises(ValueError, match=says):
            compare_profiles({"a": mine, "b": other})
    with pytest.raises(ValueError, match="two profiles or more"):
        compare_profiles({"a": mine})


def test_bad_input(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="size='large': choose one of"):
        find_suite("oversight-v0", "large")
    with pytest.raises(ValueError, match="specs is empty"):
        plan_suite(QUICK, {})
    with pytest.raises(ValueError, match="a person would play every game"):
        plan_suite(QUICK, {"judge": "human"})
    with pytest.raises(ValueError, match="role='critic'"):
        plan_suite(QUICK, {"critic": "oracle"})
    with pytest.raises(ValueError, match=r"needs a file for quality"):
        plan_suite(find_suite("oversight-v0", "full"), {"judge": "oracle"})
    (tmp_path / "x.json").write_text('{"version": 1}')
    with pytest.raises(ValueError, match="is no profile"):
        Profile.load(tmp_path / "x.json")


def test_every_part_has_one_seat_for_the_model_but_provers() -> None:
    for suite in SUITES["oversight-v0"].values():
        assert len({part.name for part in suite.parts}) == len(suite.parts)
        for part in suite.parts:
            seats = [role for role, who in part.players.items() if who == MODEL]
            assert len(seats) == (0 if part.stress else 2 if part.role == "prover" else 1), part.name
