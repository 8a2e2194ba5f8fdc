"""A speech token by token."""

from __future__ import annotations

import pytest
from bridge_games import game, reader

from oversight_envs import debate_v0, prover_verifier_v0
from oversight_envs.core.question import Task
from oversight_envs.models import PromptTooLong
from oversight_envs.wrappers import TokensEnv


def test_observations_too_short_for_a_prompt(things: Task) -> None:
    env = game(debate_v0, "debater_0", things)
    with pytest.raises(PromptTooLong, match=r"length=30: a prompt of .* give a larger length"):
        TokensEnv(env, reader(), length=30, max_new_tokens=8).reset(seed=0)
    with pytest.raises(ValueError, match=r"length=5000: model .* can read 4096 tokens"):
        TokensEnv(env, reader(), length=5000)
    with pytest.raises(ValueError, match="length=8: give a whole number of at least 9"):
        TokensEnv(env, reader(), length=8, max_new_tokens=8)


def test_what_is_written_is_what_an_agent_with_these_ids_would_say(sums: Task) -> None:
    lm = reader()
    env = TokensEnv(game(prover_verifier_v0, "helpful_0", sums, provers="helpful"), lm, length=2000)
    ids = [*lm.chat.encode_text("2 + 3 = 5 ;\nAnswer: 5"), lm.tokenizer.eos_token_id]
    observation, _ = env.reset(seed=0)
    start = int(observation["mask"].sum())
    for token in ids:
        observation, _, terminated, _, _ = env.step(token)
    assert terminated
    assert observation["tokens"][start : start + len(ids)].tolist() == ids
    [speech] = [entry.reply for entry in env.game.record.entries if entry.role == "helpful_0"]
    assert (speech.text, list(speech.token_ids)) == ("2 + 3 = 5 ;\nAnswer: 5", ids)
