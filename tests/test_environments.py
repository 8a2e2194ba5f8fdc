"""Every registered environment, raw and wrapped, over pairwise combinations of its options."""

from __future__ import annotations

import copy
import math
import pickle
import warnings
from collections.abc import Iterator
from itertools import combinations, product
from typing import Any

import gymnasium
import pettingzoo
import pytest
from pettingzoo.test import parallel_api_test, render_test

import oversight_envs
from oversight_envs import consultancy_v0, debate_v0, direct_v0, prover_verifier_v0
from oversight_envs.env.aec import OversightEnv
from oversight_envs.judges import CallableJudge, OracleJudge
from oversight_envs.testing import Puppet, check_env, check_protocol

MODULES = {
    "debate": debate_v0,
    "consultancy": consultancy_v0,
    "direct": direct_v0,
    "prover_verifier": prover_verifier_v0,
}
SPEECH_OPTIONS = {
    "rounds": [1, 2, 3],
    "max_words": [150, 2],
    "quotes": [True, False],
    "show": ["all", "quotes", "arguments", "verified"],
    "scratchpad": [False, True],
    "both_orders": [False, True],
}
OPTIONS: dict[str, dict[str, list[Any]]] = {
    "debate": {"turns": ["simultaneous", "sequential"], **SPEECH_OPTIONS},
    "consultancy": {"judge_asks": [False, True], **SPEECH_OPTIONS},
    "direct": {"expert": [False, True], "both_orders": [False, True]},
    "prover_verifier": {"roles": ["both", "helpful", "sneaky"], "max_words": [200, 3]},
}


def legal(options: dict[str, Any]) -> bool:
    if options.get("quotes") is False and options.get("show", "all") != "all":
        return False
    return not (options.get("judge_asks") and (options.get("rounds", 1) == 1 or options.get("both_orders")))


def pairwise(choices: dict[str, list[Any]]) -> Iterator[dict[str, Any]]:
    """Greedy: configurations until every legal pair of values of two options has occurred."""
    wanted = {
        ((a, x), (b, y)) for a, b in combinations(choices, 2) for x, y in product(choices[a], choices[b])
    }  # fmt: skip
    everything = [o for v in product(*choices.values()) if legal(o := dict(zip(choices, v, strict=True)))]
    while everything:
        best = max(everything, key=lambda o: len(wanted & set(combinations(o.items(), 2))))
        if not (covered := wanted & set(combinations(best.items(), 2))):
            return
        wanted -= covered
        yield best


CONFIGURATIONS = [(name, options) for name, choices in OPTIONS.items() for options in pairwise(choices)]
IDS = [f"{name}-{'-'.join(map(str, options.values()))}" for name, options in CONFIGURATIONS]


def task_for(name: str, request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue("sums" if name == "prover_verifier" else "things")


@pytest.mark.parametrize(("name", "options"), CONFIGURATIONS, ids=IDS)
def test_conformance(name: str, options: dict[str, Any], request: pytest.FixtureRequest) -> None:
    task, module = task_for(name, request), MODULES[name]
    protocol = module.raw_env(task=task, **options).protocol
    check_protocol(protocol, task)
    judged = {role: Puppet() for role in protocol.duties if role.startswith(("judge", "verifier"))}
    check_env(lambda: module.env(task=task, **options), episodes=2)
    if name != "direct":
        check_env(lambda: module.raw_env(task=task, players=judged, **options), episodes=2)


@pytest.mark.parametrize("name", list(MODULES))
def test_one_open_role_is_a_gymnasium_environment(name: str, request: pytest.FixtureRequest) -> None:
    task = task_for(name, request)
    protocol = MODULES[name].raw_env(task=task).protocol
    for role in protocol.duties:
        others = {other: Puppet() for other in protocol.duties if other != role}
        check_env(lambda others=others: MODULES[name].gym_env(task=task, players=others), episodes=2)


def test_registries() -> None:
    for name in oversight_envs.ENVIRONMENTS:
        env_id = f"oversight/{name.replace('_', '-')}-v0"
        env = pettingzoo.make("aec", env_id)
        env.reset(seed=1)
        assert str(env) == f"{name}_v0"
        open_role, *filled = env.unwrapped.protocol.duties
        single = gymnasium.make(env_id, players={role: Puppet() for role in filled})
        observation, _ = single.reset(seed=1)
        assert open_role == single.unwrapped.agent
        assert isinstance(observation, str)
        assert observation


def test_rendering(things: Any, oracle: OracleJudge, capsys: pytest.CaptureFixture[str]) -> None:
    render_test(lambda **options: debate_v0.env(task=things, players={"judge_0": oracle}, **options))
    assert "What about the" in capsys.readouterr().out
    with pytest.raises(ValueError, match="render_mode='rgb_array'"):
        debate_v0.env(task=things, render_mode="rgb_array")


def test_parallel_form(things: Any, sums: Any, oracle: OracleJudge) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parallel_api_test(debate_v0.parallel_env(task=things, players={"judge_0": oracle}, rounds=3), num_cycles=50)
        parallel_api_test(prover_verifier_v0.parallel_env(task=sums, players={"verifier_0": Puppet()}), num_cycles=50)
    histories = []
    for _ in range(2):  # PettingZoo's parallel_seed_test stops after one step
        env = debate_v0.parallel_env(task=things, players={"judge_0": oracle}, rounds=3)
        for agent in env.possible_agents:
            env.action_space(agent).seed(3)
        history: list[Any] = [env.reset(seed=5)]
        while env.agents:
            history.append(env.step({agent: env.action_space(agent).sample() for agent in env.agents}))
        assert len(history) == 4
        histories.append(history)
    assert histories[0] == histories[1]
    for options in {"turns": "sequential", "players": {"judge_0": oracle}}, {}:
        with pytest.raises(ValueError, match="no parallel form"):
            debate_v0.parallel_env(task=things, **options)


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


@pytest.mark.parametrize(
    ("said", "belief"),
    [("A", 0.99), (" (b).", 0.01), ("0.7", 0.7), ("B: 0.25", 0.75), ("Answer: A", 0.99), ("0", 0.01)],
)
def test_a_judge_that_is_an_agent_earns_the_log_score(things: Any, said: str, belief: float) -> None:
    env = direct_v0.gym_env(task=things)
    for seed in range(4):
        env.reset(seed=seed)
        episode = env.env.episode
        assert episode is not None
        first = episode.asks[0].options[0]
        _, reward, terminated, _, _ = env.step(said)
        question = episode.question
        p = belief if first == question.options[question.truth] else 1 - belief
        assert terminated
        assert reward == pytest.approx(math.log(p))


def test_an_ambiguous_judge_is_asked_again_once_and_never_guessed(things: Any) -> None:
    for second, truncated in (("A", False), ("Both, really.", True)):
        env = debate_v0.env(task=things)
        env.reset(seed=1)
        for said in ("It is so.", "It is not.", "A or B, who knows?"):
            env.step(said)
        observation, _, over, _, _ = env.last()
        assert "could not be read as a decision" in observation
        assert not over
        env.step(second)
        assert set(env.truncations.values()) == {truncated}
        record = env.unwrapped.record
        if truncated:
            assert set(env.rewards.values()) == {0.0}
            assert record.outcome is None
            assert "two ambiguous answers" in record.truncated
            assert record.entries[-1].rejected == ("A or B, who knows?", "Both, really.")


@pytest.mark.parametrize(
    ("reward", "value"),
    [
        ("src", {(1, 1): 2, (1, 0): -2, (0, 1): -2, (0, 0): 2}),
        ("cgc", {(1, 1): 2, (1, 0): -2, (0, 1): -2, (0, 0): 2}),
        ("goodhart", {(1, 1): 2, (1, 0): 2, (0, 1): 2, (0, 0): 2}),
        ("correctness", {(1, 1): 1, (1, 0): 1, (0, 1): 0, (0, 0): 0}),
    ],
)
def test_prover_rewards(sums: Any, reward: str, value: dict[tuple[int, int], float]) -> None:
    env = prover_verifier_v0.raw_env(
        task=sums, players={"verifier_0": CallableJudge(scores=lambda solution: 2.0)}, reward=reward
    )
    for right, helpful in product((0, 1), (0, 1)):
        env.reset(seed=0, options={"question": 3})
        for agent in ("helpful_0", "sneaky_0"):
            assert env.agent_selection == agent
            env.step(f"3 + 1\nAnswer: {4 if right else 5}")
        played = "helpful_0" if helpful else "sneaky_0"
        assert env.rewards[played] == value[right, helpful]


def test_src_and_cgc_when_the_verifier_is_not_convinced(sums: Any) -> None:
    for reward, value in (("src", -1.0), ("cgc", -0.5)):
        players = {"verifier_0": CallableJudge(scores=lambda solution: -0.5)}
        env = prover_verifier_v0.gym_env(task=sums, roles="helpful", players=players, reward=reward)
        env.reset(options={"question": 1})
        assert env.step("Answer: 2")[1] == value


def test_copies_in_the_middle_of_an_episode_play_on_alike(things: Any, oracle: OracleJudge) -> None:
    env = debate_v0.env(task=things, players={"judge_0": oracle}, rounds=2)
    env.reset(seed=4)
    env.step("First.")
    twins = [env, copy.deepcopy(env), pickle.loads(pickle.dumps(env))]
    assert twins[1].unwrapped.players["judge_0"] is oracle  # players are shared, not copied
    for twin in twins:
        for said in ("Second.", "Third.", "Fourth."):
            twin.step(said)
    assert len({twin.unwrapped.record.to_json() for twin in twins}) == 1
    env.reset(seed=4)
    assert twins[1].unwrapped.record is not None


def test_a_filler_that_fails_leaves_the_environment_at_that_request(things: Any) -> None:
    working = False

    def belief(case: Any) -> float:
        if not working:
            raise MemoryError("no room")
        return 1.0

    env = debate_v0.raw_env(task=things, players={"judge_0": CallableJudge(belief)})
    env.reset(seed=0)
    env.step("One.")
    with pytest.raises(MemoryError):
        env.step("Two.")
    with pytest.raises(RuntimeError, match=r"waits for judge_0.*retry"):
        env.step("Three.")
    working = True
    env.retry()
    assert sorted(env.rewards.values()) == [-1.0, 1.0]
    env.retry()  # harmless once the game is over
    assert len(env.record.entries) == 3


def test_bad_input(things: Any, sums: Any, oracle: OracleJudge) -> None:
    raw = debate_v0.raw_env(task=things, players={"judge_0": oracle})
    with pytest.raises(RuntimeError, match="before reset"):
        raw.step("early")
    raw.reset(seed=0)
    with pytest.raises(ValueError, match="no agent 'debater_7'"):
        raw.observe("debater_7")
    for action, error in ((7, TypeError), (None, TypeError), ("x" * 10_000_000, ValueError)):
        with pytest.raises(error, match="debater_0"):
            raw.step(action)
    assert raw.agent_selection == "debater_0"  # nothing happened
    raw.step("")
    raw.step("bad \ud800 surrogate, \x00 control \x1b[31m, \u202eoverride")
    record = raw.record
    assert record is not None
    assert [e.reply.text for e in record.entries[:2]] == ["", "bad \ufffd surrogate,  control [31m, override"]
    raw.step(None)
    raw.step(None)
    with pytest.raises(RuntimeError, match="after the end"):
        raw.step("late")
    for options, message in (
        ({"judge_0": "gpt"}, r"players\['judge_0'\].*decide"),
        ({"judge_1": oracle}, "no role 'judge_1'"),
        ({"debater_0": oracle}, "lacks speak"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            debate_v0.env(task=things, players=options)
    for options, message in (
        ({"task": "quallity"}, "did you mean 'quality'"),
        ({"roundz": 2}, "did you mean 'rounds'"),
        ({"rounds": 0}, "rounds=0"),
        ({"turns": "both"}, "'simultaneous', 'sequential'"),
        ({"reward": "src2"}, "reward='src2'"),
        ({"quotes": False, "show": "quotes"}, "quotes=True"),
        ({"wording": "nope"}, "wording='nope'"),
        ({"task": sums}, "has 0"),
        ({"players": {"judge_0": oracle, "debater_0": str, "debater_1": str.upper}}, "lacks speak"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            debate_v0.env(**{"task": things, **options})
    with pytest.raises(ValueError, match=r"nobody to step.*rollout"):
        debate_v0.env(task=things, players={r: Puppet() for r in ("debater_0", "debater_1", "judge_0")})
    with pytest.raises(ValueError, match="are open"):
        debate_v0.gym_env(task=things)
    unchecked = copy.copy(sums)
    unchecked.checkable = False
    with pytest.raises(ValueError, match="no checker"):
        prover_verifier_v0.env(task=unchecked)


def test_consultancy_judge_asks_between_rounds(things: Any) -> None:
    with pytest.raises(TypeError, match=r"needs decide\(\) and speak\(\)"):
        consultancy_v0.env(task=things, rounds=2, judge_asks=True, players={"judge_0": CallableJudge(lambda case: 0.0)})
    env = consultancy_v0.env(task=things, rounds=2, judge_asks=True)
    env.reset(seed=2)
    assert isinstance(env.unwrapped, OversightEnv)
    order = []
    for said in ("It is so.", "Why?", "Because.", "A"):
        order.append(env.agent_selection)
        env.step(said)
    assert order == ["consultant_0", "judge_0", "consultant_0", "judge_0"]
    prompts = [entry.prompt for entry in env.unwrapped.record.entries]
    assert "> Why?" in prompts[2][-1].content
    assert prompts[3][: len(prompts[1])] == prompts[1]  # the judge's second prompt extends its first
