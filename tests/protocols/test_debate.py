"""Debate: what each side and the judge read, and what they earn."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from game_options import CONFIGURATIONS
from hostile import HOSTILE
from hypothesis import given

from oversight_envs import Episode, Message, Question, Say, Speech, debate_v0, render_prompt
from oversight_envs.judges import CallableJudge, OracleJudge
from oversight_envs.protocols import Debate
from oversight_envs.testing import Puppet, play

QUESTION = Question("q", "Where?", ("here", "there"), "It was here, they say.", 0)


@given(HOSTILE, HOSTILE)
def test_no_speech_can_forge_a_line_of_the_judges_page(first: str, second: str) -> None:
    pages = []
    for said in (first, second), ("x", "y"):
        episode = Episode(Debate(rounds=2, scratchpad=True), QUESTION, 3)
        for text in (*said, *said):
            episode.answer(episode.asks[0], text)
        pages.append([line for line in episode.asks[0].prompt[-1].content.splitlines() if not line.startswith("> ")])
    silent = [[line for line in page if line != "(nothing)"] for page in pages]
    assert silent[0] == silent[1]


def test_private_notes_stay_private_and_stay_in_the_own_turn() -> None:
    episode = Episode(Debate(rounds=2, scratchpad=True), QUESTION, 0)
    for said in ("<scratchpad>secret plan</scratchpad>Hello there.", "Hi."):
        episode.answer(episode.asks[0], said)
    own, other = episode.asks
    assert "secret plan" in own.prompt[2].content
    assert "secret plan" not in render_prompt(other.prompt)
    assert "> Hello there." in render_prompt(other.prompt)
    for _ in range(2):
        episode.answer(episode.asks[0], "Bye.")
    assert "secret plan" not in render_prompt(episode.asks[0].prompt)


@pytest.mark.parametrize("turns", ["simultaneous", "sequential"])
def test_prompts_extend_message_for_message(turns: Any) -> None:
    log = play(Debate(rounds=3, turns=turns), QUESTION, 1, dict.fromkeys(Debate.roles, Puppet())).log
    for role in ("debater_0", "debater_1"):
        prompts = [entry.prompt for entry in log if entry.role == role]
        said = [entry.reply.text for entry in log if entry.role == role and isinstance(entry.reply, Speech)]
        for early, late, words in zip(prompts, prompts[1:], said, strict=False):
            assert late[: len(early)] == early
            assert late[len(early)] == Message("assistant", words)
    shared = [entry.prompt for entry in log[:2]]
    assert shared[0][0] == shared[1][0]
    common = [a == b for a, b in zip(shared[0][1].content, shared[1][1].content, strict=False)].index(False)
    assert QUESTION.passage in shared[0][1].content[:common]  # the passage is in the prefix that both share


def test_sampled_token_ids_travel_with_the_own_turn_unless_it_was_cut() -> None:
    for limit, ids in ((5, (1, 2, 3)), (1, ())):
        episode = Episode(Debate(rounds=2, max_words=limit), QUESTION, 0)
        for _ in range(2):
            episode.answer(episode.asks[0], Speech("So it is.", (1, 2, 3), (-0.1, -0.1, -0.1)))
        assert episode.asks[0].prompt[2].token_ids == ids


def test_views_in_both_orders_cancel_a_preference_for_a_label() -> None:
    players = {"debater_0": Puppet(), "debater_1": Puppet(), "judge_0": CallableJudge(log_odds=lambda case: 1.5)}
    episode = play(Debate(both_orders=True), QUESTION, 0, players)
    assert episode.outcome is not None
    (decision,) = episode.decisions
    assert decision.verdict.log_odds() == pytest.approx(0.0)
    assert decision.verdict.choice is None
    assert [view.log_odds() for view in decision.views] == [pytest.approx(1.5)] * 2
    assert decision.orders[0] == decision.orders[1][::-1]


def test_say_prompts_are_what_simultaneous_means() -> None:
    rng, question = np.random.default_rng(0), QUESTION.without_truth()
    request = next(Debate().play(question, Debate().assign(question, rng), rng))
    assert isinstance(request, Say)
    assert list(request.prompts) == ["debater_0", "debater_1"]


@pytest.mark.parametrize(
    ("reward", "value"),
    [("logit", math.log(9)), ("probability", 0.8), ("win", 1.0), (None, math.log(9))],
)
@pytest.mark.parametrize("options", [o for n, o in CONFIGURATIONS if n == "debate"], ids=str)
def test_debate_pays_what_the_judge_believes(
    things: Any, oracle: OracleJudge, options: dict[str, Any], reward: str | None, value: float
) -> None:
    env = debate_v0.env(task=things, players={"judge_0": oracle}, reward=reward, **options)
    for seed in range(3):
        env.reset(seed=seed)
        earned, steps = {}, 0
        for agent in env.agent_iter():
            _, total, over, _, info = env.last()
            if over:
                earned[agent] = (total, info["correct"][agent])
            steps += not over
            env.step(None if over else "It is so.")
        assert steps == 2 * options["rounds"]
        assert sorted(earned.values()) == [(pytest.approx(-value), False), (pytest.approx(value), True)]


def test_log_probability_is_not_zero_sum(things: Any, oracle: OracleJudge) -> None:
    env = debate_v0.raw_env(task=things, players={"judge_0": oracle}, reward="log_probability")
    env.reset(seed=0)
    for _ in range(2):
        env.step("It is so.")
    assert sorted(env.rewards.values()) == pytest.approx([math.log(0.1), math.log(0.9)])
