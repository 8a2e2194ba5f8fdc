"""What a user can get wrong with the bridges to other libraries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from bridge_games import game as open_game
from random_models import word_model
from small_tasks import Things

from oversight_envs import debate_v0
from oversight_envs.agents import ScriptedAgent
from oversight_envs.wrappers import BatchedVecEnv, CandidatesEnv, HashingEncoder, HiddenStateEncoder, TokensEnv

NO_NUMBERS = ("3", 2.0, True, None)
NO_PROPOSERS: tuple[Any, ...] = ("abc", None, 3, ScriptedAgent, [1, 2])
TEXTS = ["one", "two"]


def game() -> Any:
    return open_game(debate_v0, "debater_0", Things())


BAD: list[tuple[Callable[[], Any], str]] = [
    *((lambda n=n: CandidatesEnv(game(), ScriptedAgent(TEXTS), n=n), "n=") for n in (*NO_NUMBERS[:3], 1)),
    *((lambda given=given: CandidatesEnv(game(), given), "proposer=") for given in NO_PROPOSERS),
    (lambda: CandidatesEnv(game(), TEXTS, encoder=HashingEncoder), "encoder="),  # type: ignore[arg-type]
    (lambda: CandidatesEnv("debate", TEXTS), "env='debate': give a single-agent environment"),
    *((lambda n=n: HashingEncoder(n), "dimension=") for n in (*NO_NUMBERS, 0)),
    *((lambda n=n: HashingEncoder(ngram=n), "ngram=") for n in (*NO_NUMBERS, 0)),
    (lambda: HashingEncoder().encode("text"), "texts='text': give a list"),
    *((lambda n=n: TokensEnv(game(), word_model(), length=n), "length=") for n in NO_NUMBERS),
    *((lambda n=n: TokensEnv(game(), word_model(), max_new_tokens=n), "max_new_tokens=") for n in (*NO_NUMBERS, 0)),
    (lambda: TokensEnv(game(), None), "lm=None: give a language model"),  # type: ignore[arg-type]
    (lambda: HiddenStateEncoder(None), "lm=None: give a language model"),  # type: ignore[arg-type]
    *((lambda fns=fns: BatchedVecEnv(fns), "env_fns=.*list of functions") for fns in ([], None, [game()])),
    *((lambda seed=seed: CandidatesEnv(game(), TEXTS).reset(seed=seed), "seed=") for seed in ("3", 2.0, True, -1)),
]


@pytest.mark.parametrize(("use", "message"), BAD)
def test_what_is_not_meant_is_refused(use: Callable[[], Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        use()


def test_actions_that_are_not_meant_change_nothing() -> None:
    env = CandidatesEnv(game(), TEXTS)
    env.reset(seed=np.int64(3))  # type: ignore[arg-type]
    before = env.game.episode
    for action in ("1", 1.0, True, None, 2, -1, [1]):
        with pytest.raises(ValueError, match="action="):
            env.step(action)
    assert env.game.episode is before
    assert before is not None
    assert not before.log
    env.step(np.int64(1))
    assert env.game.episode is not None
