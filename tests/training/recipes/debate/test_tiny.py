"""The recipe's scripts for stories: the best line, and each line in turn."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_debate import SMALL

from oversight_envs.agents import ScriptedAgent
from oversight_envs.judges import LogitJudge
from oversight_envs.play import rollout
from oversight_envs.tasks.stories import Stories
from oversight_envs.training.recipes.debate.tiny import best_line, each_line, mixed_lines, tiny_debate

pytestmark = pytest.mark.usefixtures("one_thread")


def test_the_best_line_oracle_quotes_the_line_that_settles_the_question(tmp_path: Path) -> None:
    run = tiny_debate(tmp_path, **SMALL)
    questions = Stories("test").sample(12)
    oracle = ScriptedAgent(best_line(questions))
    players = {"debater_0": oracle, "debater_1": oracle, "judge_0": LogitJudge(run.judge)}
    for record in rollout(run.game, Stories("test"), players, questions=questions):
        assert record.outcome is not None
        for statement in record.transcript:
            assert [quote.verified for quote in statement.quotes] == [True]
            side = record.assigned.sides[statement.role]
            best = record.question.metadata["best"][side]
            if best is not None:
                assert str(record.question.metadata["moves"][best]) in statement.text
            else:
                assert record.question.metadata["thing"] in statement.text
    search = run.measures.best_of(ScriptedAgent(each_line), run.held_out_judge, (8,))["8"]
    assert search["convincingness"]["value"] > 0.5


def test_a_script_makes_up_quotes_where_no_line_supports_it_and_a_judge_can_learn_from_it(
    tmp_path: Path,
) -> None:
    questions = [*Stories("train").sample(200), *Stories("test").sample(200)]
    script = mixed_lines(questions, supported=(1, 0, 0, 0), unsupported=(0, 0, 0.5, 0.5))
    agent = ScriptedAgent(script)
    run = tiny_debate(
        tmp_path,
        parts={"policy": agent, "initial": agent},
        **SMALL | {"held_out": 200, "questions": 200, "epochs": 1, "train_debater": False, "batch": 100},
    )
    before = [parameter.clone() for parameter in run.judge.model.parameters()]
    found = run.run()
    # the right answer always has a line; of the others about four in ten have one
    assert found[0]["honest_verified"]["value"] == 1
    wrong = [question for question in run.measures.questions if not question.metadata["misleading"]]
    assert found[0]["dishonest_verified"]["value"] == pytest.approx(1 - 0.5 * len(wrong) / 200, abs=0.1)
    assert any(not p.equal(q) for p, q in zip(run.judge.model.parameters(), before, strict=True))
