"""The bridges to array-based RL: spaces and conformance, proposals, encoders, vectors, bad input."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env as gymnasium_check
from hypothesis import given
from hypothesis import strategies as st
from stable_baselines3.common.env_checker import check_env as sb3_check
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import DummyVecEnv

from oversight_envs import consultancy_v0, debate_v0, direct_v0, prover_verifier_v0
from oversight_envs.agents import ScriptedAgent
from oversight_envs.core.question import Task
from oversight_envs.core.requests import Turn
from oversight_envs.models import LanguageModel, PromptTooLong, load
from oversight_envs.testing import Puppet
from oversight_envs.wrappers import BatchedVecEnv, CandidatesEnv, HashingEncoder, HiddenStateEncoder, TokensEnv

ROLES = [
    (debate_v0, "debater_0", {"turns": "sequential", "rounds": 2}),
    (debate_v0, "debater_1", {"turns": "sequential"}),
    (debate_v0, "judge_0", {"both_orders": True}),
    (consultancy_v0, "consultant_0", {"rounds": 2, "judge_asks": True}),
    (consultancy_v0, "judge_0", {"rounds": 2, "judge_asks": True}),
    (direct_v0, "judge_0", {}),
    (prover_verifier_v0, "helpful_0", {}),
    (prover_verifier_v0, "sneaky_0", {}),
    (prover_verifier_v0, "verifier_0", {"roles": "helpful"}),
]


def game(module: Any, role: str, task: Task, player: Any = Puppet(), **options: Any) -> Any:  # noqa: B008
    """``module``'s environment with ``role`` left open."""
    roles = module.raw_env(task=task, **options).possible_agents
    return module.gym_env(task=task, players={r: player for r in roles if r != role}, **options)


@cache
def reader() -> LanguageModel:
    """A tokenizer for the tokens bridge, and room for long prompts: here the weights are never used."""
    tiny = load("tiny-arithmetic-prover")
    return LanguageModel(tiny.model, tiny.tokenizer, context_length=4096)


class Counting(Puppet):
    """A legal player that counts how often it is called."""

    def __init__(self) -> None:
        super().__init__()
        object.__setattr__(self, "calls", {"speak": 0, "decide": 0})

    def speak(self, turns: Sequence[Turn]) -> Any:
        self.calls["speak"] += 1  # type: ignore[attr-defined]
        return super().speak(turns)

    def decide(self, cases: Any) -> Any:
        self.calls["decide"] += 1  # type: ignore[attr-defined]
        return super().decide(cases)


# --- conformance


@pytest.mark.parametrize("bridge", ["candidates", "tokens"])
@pytest.mark.parametrize(("module", "role", "options"), ROLES)
def test_both_libraries_accept_every_role(
    bridge: str, module: Any, role: str, options: Any, things: Task, sums: Task
) -> None:
    env = game(module, role, sums if module is prover_verifier_v0 else things, **options)
    if bridge == "tokens":
        env = TokensEnv(env, reader(), length=2000, max_new_tokens=3)
    else:  # those who judge choose among decisions
        env = CandidatesEnv(env, env.action_space.samples[:2] or Puppet(), encoder=HashingEncoder(16))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", module="gymnasium")  # advice on bounds, rendering and registration
        gymnasium_check(env, skip_render_check=True)
        sb3_check(env, skip_render_check=True)
    env.reset(seed=0)
    for _ in range(100):
        *_, reward, terminated, truncated, info = env.step(env.action_space.sample())
        if terminated or truncated:
            break
        assert reward == 0.0
    assert reward == env.game.rewards[role]
    assert info == env.game.infos[role]
    with pytest.raises(RuntimeError, match="call reset"):
        env.step(0)


def test_importing_the_wrappers_imports_no_framework() -> None:
    heavy = "{'torch', 'transformers', 'stable_baselines3'}"
    code = f"import sys, oversight_envs.wrappers as w; w.CandidatesEnv; print({heavy} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


# --- candidates


def test_proposals_are_drawn_once_a_turn_and_the_choice_is_spoken(things: Task) -> None:
    proposer = Counting()
    env = CandidatesEnv(game(debate_v0, "debater_0", things, rounds=2), proposer, n=5)
    for calls in (1, 2):
        observation, info = env.reset(seed=3) if calls == 1 else env.step(4)[::4]
        assert proposer.calls["speak"] == calls  # type: ignore[attr-defined]
        assert env.observation_space.contains(observation)
        assert len(set(info["candidates"])) == 5
        spoken = info["candidates"]
    env.step(2)
    said = [entry.reply.text for entry in env.game.record.entries if entry.role == "debater_0"]
    assert said[1] == spoken[2]
    assert (
        env.reset(seed=3)[1]
        == CandidatesEnv(game(debate_v0, "debater_0", things, rounds=2), Puppet(), n=5).reset(seed=3)[1]
    )  # another environment, the same draws


def test_the_mask_leaves_the_first_of_equal_candidates_and_no_empty_one(things: Task) -> None:
    texts = ["", "so", "not so", "so", " "]
    env = CandidatesEnv(game(debate_v0, "debater_0", things), ScriptedAgent(lambda turn: texts[turn.draw]), n=5)
    observation, _ = env.reset(seed=0)
    assert observation["mask"].tolist() == [0, 1, 1, 0, 0]
    assert env.action_masks().tolist() == [False, True, True, False, False]
    candidates = observation["candidates"].reshape(5, -1)
    assert np.array_equal(candidates[1], candidates[3])
    rewards = []
    for action in (1, 3):
        env.reset(seed=0)
        rewards.append(env.step(action)[1])
    assert rewards[0] == rewards[1]
    silent = CandidatesEnv(game(debate_v0, "debater_0", things), ScriptedAgent([""]), n=2)
    assert silent.reset(seed=0)[0]["mask"].tolist() == [1, 0]
    assert silent.step(1)[2]


# --- encoders


@given(st.lists(st.text(max_size=60), max_size=4), st.integers(1, 40), st.integers(1, 4))
def test_hashing_gives_every_text_its_own_vector(texts: list[str], dimension: int, ngram: int) -> None:
    encoder = HashingEncoder(dimension, ngram=ngram)
    vectors = encoder.encode(texts)
    assert vectors.shape == (len(texts), dimension)
    for text, vector in zip(texts, vectors, strict=True):
        assert np.array_equal(HashingEncoder(dimension, ngram=ngram).encode([text])[0], vector)
        assert not vector.any() or np.isclose(np.mean(vector**2), 1, atol=1e-4)


def test_hashed_products_tell_a_quote_from_an_invention() -> None:
    prompt, quote, invention = HashingEncoder(2048).encode(
        ["Day 1: Ann moved the kettle. Day 2: Ben moved the lamp.", "Ann moved the kettle.", "Ann painted a boat."]
    )
    assert prompt @ quote > 2 * (prompt @ invention)


def test_hidden_states_do_not_depend_on_the_batch() -> None:
    encoder = HiddenStateEncoder("tiny-stories-judge", batch_size=2)
    texts = ["Day 3: Ann moved the kettle to the attic.", "", "the attic", "Where was the kettle?", "the " * 2000]
    vectors = encoder.encode(texts)
    assert vectors.shape == (5, encoder.dimension)
    assert not vectors[1].any()
    for text, vector in zip(texts, vectors, strict=True):
        assert np.allclose(encoder.encode([text])[0], vector, atol=1e-5)
    assert not np.allclose(vectors[0], vectors[2], atol=0.1)


@pytest.mark.skipif(find_spec("sentence_transformers") is not None, reason="sentence-transformers is installed")
def test_a_missing_sentence_encoder_says_what_to_install() -> None:
    from oversight_envs.wrappers import SentenceEncoder

    with pytest.raises(ImportError, match=r"pip install 'oversight-envs\[sentence\]'"):
        SentenceEncoder()


# --- vectors


@pytest.mark.parametrize("bridge", ["candidates", "tokens"])
def test_a_batched_vector_plays_as_single_games_do(bridge: str, things: Task) -> None:
    """Episodes end at different times: speeches have different lengths, and the others go on."""

    def make() -> Any:
        env = game(debate_v0, "debater_0", things, rounds=2, turns="sequential")
        return (
            CandidatesEnv(env, Puppet(), n=3)
            if bridge == "candidates"
            else TokensEnv(env, reader(), length=2000, max_new_tokens=9)
        )

    vectors = [make_vec_env(make, 4, seed=5, vec_env_cls=cls) for cls in (DummyVecEnv, BatchedVecEnv)]
    observations = [vector.reset() for vector in vectors]
    rng, ended = np.random.default_rng(0), []
    for _ in range(12 if bridge == "candidates" else 60):
        assert all(np.array_equal(observations[0][key], observations[1][key]) for key in observations[0])
        actions = rng.integers(vectors[0].action_space.n, size=4)
        if bridge == "tokens":
            actions[rng.random(4) < 0.2] = reader().tokenizer.eos_token_id
        results = [vector.step(actions) for vector in vectors]
        observations = [result[0] for result in results]
        for a, b in zip(results[0][1:3], results[1][1:3], strict=True):
            assert np.array_equal(a, b)
        for a, b in zip(results[0][3], results[1][3], strict=True):
            assert a.keys() == b.keys()
            assert a.get("verdict") == b.get("verdict")
            assert a.get("episode", {}).get("l") == b.get("episode", {}).get("l")
        ended.append(int(results[0][2].sum()))
    assert sum(ended) > 4
    assert bridge == "candidates" or 0 < max(ended) < 4


def test_each_player_is_called_once_for_the_whole_vector(things: Task) -> None:
    judge, opponent, proposer = Counting(), Counting(), Counting()
    env = lambda: debate_v0.gym_env(task=things, players={"debater_1": opponent, "judge_0": judge})  # noqa: E731
    vector = BatchedVecEnv([lambda: CandidatesEnv(env(), proposer, n=3)] * 6)
    vector.reset()
    for step in range(1, 4):
        _, _, dones, _ = vector.step([0] * 6)
        assert dones.all()
        assert judge.calls["decide"] == step  # type: ignore[attr-defined]
        assert opponent.calls["speak"] == step  # type: ignore[attr-defined]
        assert proposer.calls["speak"] == step + 1  # type: ignore[attr-defined]


def test_after_a_player_failed_only_reset_goes_on(things: Task) -> None:
    class Failing(Puppet):
        def decide(self, cases: Any) -> Any:
            raise MemoryError

    env = CandidatesEnv(debate_v0.gym_env(task=things, players={"debater_1": Puppet(), "judge_0": Failing()}), Puppet())
    env.reset(seed=0)
    with pytest.raises(MemoryError):
        env.step(0)
    with pytest.raises(RuntimeError, match="call reset"):
        env.step(0)
    assert env.reset(seed=0)[0]["mask"].any()


# --- bad input


class Wrong(HashingEncoder):
    def encode(self, texts: Sequence[str]) -> np.ndarray:
        return super().encode(texts)[:, 1:]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n": 0}, ValueError, "n=0: give a whole number of at least 2"),
        ({"n": 1}, ValueError, "n=1: give a whole number of at least 2"),
        ({"proposer": ["only one"]}, ValueError, "n=1"),
        ({"proposer": ["a", "b", "a"]}, ValueError, "give different texts"),
        ({"proposer": ["a", " "]}, ValueError, "none of them empty"),
        ({"proposer": ["a", "b"], "n": 3}, ValueError, "2 texts were given"),
        ({"proposer": "a text"}, TypeError, "an agent with speak"),
        ({"encoder": Wrong(8)}, ValueError, r"dimension=8 and encoded 2 texts as \(2, 7\)"),
        ({"encoder": len}, TypeError, "an object with dimension and encode"),
    ],
)
def test_candidates_that_make_no_sense(things: Task, arguments: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        CandidatesEnv(**{"env": game(debate_v0, "debater_0", things), "proposer": Puppet(), **arguments})


def test_environments_that_are_none_for_a_bridge(things: Task) -> None:
    with pytest.raises(ValueError, match="debater_0, debater_1 are open"):
        CandidatesEnv(debate_v0.env(task=things, players={"judge_0": Puppet()}), Puppet())
    with pytest.raises(TypeError, match="single-agent environment of this library"):
        CandidatesEnv(gymnasium.make("CartPole-v1"), Puppet())
    env = game(debate_v0, "debater_0", things)
    with pytest.raises(TypeError, match="put them around the bridge"):
        CandidatesEnv(gymnasium.wrappers.TimeLimit(env, 3), Puppet())
    made = gymnasium.make("oversight/debate-v0", task=things, players={"debater_1": Puppet(), "judge_0": Puppet()})
    assert CandidatesEnv(made, Puppet()).reset(seed=0)[0]["mask"].any()


def test_actions_and_vectors_that_make_no_sense(things: Task) -> None:
    make = lambda: CandidatesEnv(game(debate_v0, "debater_0", things), Puppet())  # noqa: E731
    with pytest.raises(RuntimeError, match="before reset"):
        make().step(0)
    env = make()
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"action=8: give a whole number of Discrete\(8\)"):
        env.step(8)
    assert env.step(7)[2]  # the game was left as it was
    with pytest.raises(TypeError, match="is not a CandidatesEnv or TokensEnv"):
        BatchedVecEnv([lambda: gymnasium.make("CartPole-v1")])
    tokens = lambda: TokensEnv(game(debate_v0, "debater_0", things), reader(), length=2000)  # noqa: E731
    with pytest.raises(ValueError, match="not both"):
        BatchedVecEnv([make, tokens])


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
    env = TokensEnv(game(prover_verifier_v0, "helpful_0", sums, roles="helpful"), lm, length=2000)
    ids = [*lm.chat.encode_text("2 + 3 = 5 ;\nAnswer: 5"), lm.tokenizer.eos_token_id]
    observation, _ = env.reset(seed=0)
    start = int(observation["mask"].sum())
    for token in ids:
        observation, _, terminated, _, _ = env.step(token)
    assert terminated
    assert observation["tokens"][start : start + len(ids)].tolist() == ids
    [speech] = [entry.reply for entry in env.game.record.entries if entry.role == "helpful_0"]
    assert (speech.text, list(speech.token_ids)) == ("2 + 3 = 5 ;\nAnswer: 5", ids)


def test_a_judge_learns_by_choosing_among_decisions(things: Task) -> None:
    judge = CandidatesEnv(direct_v0.gym_env(task=things, expert=True), ["A: 0.9, B: 0.1", "A: 0.1, B: 0.9"])
    rewards = []
    for action in (0, 1):
        judge.reset(seed=1, options={"question": 2})
        rewards.append(judge.step(action)[1])
    assert np.allclose(sorted(rewards), np.log([0.1, 0.9]))
