"""A server that fails in every way: nothing is lost, doubled or invented, and a run repeated is free and the same."""

from __future__ import annotations

import asyncio
import pickle
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from api_server import FAULTS, ApiServer
from small_tasks import Sums, Things

from oversight_envs import PlayerError, Record, rollout
from oversight_envs.agents import ApiAgent, BestOfNAgent
from oversight_envs.env import OversightEnv
from oversight_envs.judges import ApiLogitJudge, ApiLogitVerifier, SampledJudge, make_judge
from oversight_envs.models.api import AnswerCache, ApiModel
from oversight_envs.models.api.address import without_secrets
from oversight_envs.protocols import Debate, ProverVerifier


def players(lm: ApiModel) -> dict[str, Any]:
    debater = ApiAgent(lm, max_new_tokens=50)
    return {"debater_0": debater, "debater_1": debater, "judge_0": ApiLogitJudge(lm)}


def plain(records: list[Record]) -> list[str]:
    return [replace(record, timings={}, usage={}).to_json() for record in records]


def every_third(number: int, body: Any) -> str | None:
    return FAULTS[number // 3 % len(FAULTS)] if number % 3 == 1 else None


def test_a_third_of_the_calls_fail_and_nothing_is_lost_doubled_or_invented(server: ApiServer, tmp_path: Path) -> None:
    clean = rollout(Debate(), Things(), players(ApiModel(server.spec)), samples=6)
    asked = Counter(map(str, server.served))
    assert len(server.requests) == len(server.served) == 24 * 3
    server.requests.clear(), server.served.clear()
    server.fault = every_third
    cache = AnswerCache(tmp_path / "answers.sqlite")
    lm = ApiModel(server.spec, timeout=0.6, max_retries=10, cache=cache)
    faulty = rollout(Debate(), Things(), players(lm), samples=6)
    assert plain(faulty) == plain(clean)
    assert Counter(map(str, server.served)) == asked  # each asked until it was answered, none twice
    assert len(server.requests) > 72 * 1.3
    known = len(server.requests)
    again = rollout(Debate(), Things(), players(ApiModel(server.spec, cache=tmp_path / "answers.sqlite")), samples=6)
    assert plain(again) == plain(clean)
    assert len(server.requests) == known
    assert {row.repeated for record in again for row in record.usage["debater_0"]} == {1}


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("500", "answers 500.*worker died"),
        ("429", r"takes no more now \(429\)"),
        ("cut", "no chat completion|broke"),
        ("half", "no chat completion|broke"),
        ("no json", "it is no JSON"),
        ("no choices", "its choices are empty"),
        ("drip", "no answer within 0.2 s, after 2 attempts"),
        ("hang", "no answer within 0.2 s"),
    ],
)
def test_a_fault_that_stays_is_an_error_that_names_the_model(server: ApiServer, fault: str, says: str) -> None:
    server.fault = lambda number, body: fault
    lm = ApiModel(server.spec, timeout=0.2, max_retries=1)
    with pytest.raises(PlayerError, match=f"^{server.spec}: .*(?:{says})"):
        rollout(Debate(), Things(), players(lm), questions=1)
    (record,) = rollout(Debate(), Things(), players(lm), questions=1, on_failure="record")
    assert record.failed is not None
    assert record.failed.startswith("debater_")
    assert not any(record.rewards.values())


def test_in_env_step_and_in_a_running_loop(server: ApiServer) -> None:
    def step() -> Any:
        env = OversightEnv(Debate(), Things(), players={"debater_1": server.spec, "judge_0": f"logit:{server.spec}"})
        env.reset(seed=1)
        env.step("I say so.")
        return env.record

    async def inside() -> Any:
        return step()

    record = step()
    assert record.transcript[1].text.startswith("As I see it")
    assert asyncio.run(inside()).decisions == record.decisions


def test_calls_of_one_model_fly_together_within_its_bound(server: ApiServer) -> None:
    server.seconds = 0.02
    lm, other = (ApiModel(server.spec, concurrency=3) for _ in range(2))
    rollout(Debate(), Things(), {**players(lm), "judge_0": ApiLogitJudge(other)}, samples=4)
    assert 1 < server.most <= 3


def test_each_ask_has_its_own_seed_and_asks_what_it_says(server: ApiServer) -> None:
    rollout(Debate(), Things(), players(ApiModel(server.spec, request={"min_p": 0.1})), questions=2)
    speeches = [body for body in server.requests if "logprobs" not in body]
    readings = [body for body in server.requests if "logprobs" in body]
    assert len({body["seed"] for body in server.requests}) == 6
    assert {(b["temperature"], b["top_p"], b["max_tokens"], b["min_p"]) for b in speeches} == {(1.0, 1.0, 50, 0.1)}
    assert {(b["max_tokens"], b["top_logprobs"]) for b in readings} == {(1, 20)}
    assert speeches[0]["messages"][0]["role"] == "system"


def test_the_record_says_which_model_answered_and_what_it_took(server: ApiServer) -> None:
    (record,) = rollout(Debate(rounds=2), Things(), players(ApiModel(server.spec)), questions=1)
    (row,) = record.usage["debater_0"]
    assert (row.model, row.served, row.calls, row.tokens_out, row.tokens_cached) == (
        "test-model",
        "test-model-v2",
        2,
        20,
        16,
    )
    assert record.usage["judge_0"][0].calls == 1
    assert Record.from_json(record.to_json()) == record
    assert record.players["debater_0"]["lm"] == {"model": "test-model", "url": server.url}


def test_stored_episodes_are_used_again_by_the_same_model_only(server: ApiServer, tmp_path: Path) -> None:
    path = tmp_path / "episodes.jsonl"
    first = rollout(Debate(), Things(), players(ApiModel(server.spec)), path=path, questions=2)
    asked = len(server.requests)
    again = rollout(Debate(), Things(), players(ApiModel(server.spec)), path=path, questions=3)
    assert again[:2] == first
    assert len(server.requests) == asked + 3
    other = players(ApiModel(server.spec, request={"min_p": 0.1}))
    with pytest.raises(RuntimeError, match="played in another way"):
        rollout(Debate(), Things(), other, path=path, questions=3)


def test_best_of_n_provers_and_verifiers(server: ApiServer) -> None:
    lm = ApiModel(server.spec)
    server.words = lambda body: f"I count.\nAnswer: {body['seed'] % 3 + 1}"
    verifier = ApiLogitVerifier(lm)
    best = BestOfNAgent(ApiAgent(lm), verifier, 3)
    (record,) = rollout(
        ProverVerifier(provers="helpful"), Sums(), {"helpful_0": best, "verifier_0": verifier}, questions=1
    )
    speech: Any = record.entries[0].reply
    assert len(speech.info["values"]) == 3
    assert record.scores[0].value == pytest.approx(max(speech.info["values"]))
    assert record.usage["helpful_0"][0].calls == 3
    assert record.usage["verifier_0"][0].calls == 4


def decided(server: ApiServer, judge: Any) -> Record:
    script = "scripted:It is so."
    named = {"debater_0": script, "debater_1": script, "judge_0": judge}
    return rollout(Debate(), Things(), named, questions=1)[0]


def test_judges_in_words(server: ApiServer) -> None:
    server.words = lambda body: "I weigh both.\n```json\n" + '{"A": 0.8, "B": 0.2}\n```'
    record = decided(server, f"stated:{server.spec}")
    assert record.decisions[0].views[0].probabilities == pytest.approx((0.8, 0.2))
    server.words = lambda body: f"It is plain.\nAnswer: {'AAB'[body['seed'] % 3]}"
    server.requests.clear()
    record = decided(server, SampledJudge(ApiAgent(server.spec), n=16))
    votes = sum(body["seed"] % 3 < 2 for body in server.requests)
    assert record.decisions[0].views[0].probabilities[0] == pytest.approx((votes + 1) / 18)
    assert record.usage["judge_0"][0].calls == 16


def test_a_judge_that_thinks_first_reads_its_own_thoughts(server: ApiServer) -> None:
    record = decided(server, f"reasoning:{server.spec}")
    thinking, deciding = server.requests
    assert "step by step" in thinking["messages"][-1]["content"]
    assert deciding["messages"][-2] == {"role": "assistant", "content": server.words(thinking)}
    assert deciding["max_tokens"] == 1
    assert record.decisions[0].verdict.mass == pytest.approx(0.93, abs=0.05)
    server.words = lambda body: "Answer: B"
    by_words = decided(server, f"reasoning:stated:{server.spec}")
    assert by_words.decisions[0].views[0].probabilities[1] == pytest.approx(0.99)


def test_a_judge_that_can_not_be_read_is_asked_twice_and_never_guesses(server: ApiServer) -> None:
    server.words = lambda body: "Both have a point."
    with pytest.raises(PlayerError, match="no clear answer, asked twice: 'Both have a point"):
        decided(server, f"stated:{server.spec}")
    assert len(server.requests) == 2
    assert "could not be read" in server.requests[1]["messages"][-1]["content"]


def test_a_server_without_log_probabilities_says_what_to_do(server: ApiServer) -> None:
    server.logprobs = False
    with pytest.raises(PlayerError, match=rf"no log-probabilities.*stated:{server.spec}.*sampled:"):
        decided(server, f"logit:{server.spec}")
    assert len(server.requests) == 1


def test_a_judge_that_thinks_first_says_so_too_and_takes_votes_where_it_is_told(server: ApiServer) -> None:
    server.logprobs = False
    with pytest.raises(PlayerError, match=rf"no log-probabilities.*reasoning:sampled:{server.spec}"):
        decided(server, f"reasoning:{server.spec}")
    server.requests.clear()
    server.words = lambda body: "B" if len(body["messages"]) > 2 else "I weigh both."
    (view,) = decided(server, f"reasoning:sampled:{server.spec}").decisions[0].views
    assert len(server.requests) == 1 + 8  # one line of thought, and eight votes on it
    assert view.info == {"votes": [0, 8], "thoughts": "I weigh both."}
    assert view.probabilities == pytest.approx((0.1, 0.9))


def test_what_servers_answer_beside_a_text(server: ApiServer) -> None:
    def speech(**about: Any) -> Any:
        server.message, server.finish = about.get("message", {}), about.get("finish", "stop")
        (record,) = rollout(Debate(), Things(), players(ApiModel(server.spec)), questions=1)
        return record.entries[0].reply

    thought = speech(message={"content": "So.", "reasoning_content": "Hm."})
    assert (thought.text, thought.info) == ("So.", {"finished": True, "reasoning": "Hm."})
    refusal = speech(message={"content": None, "refusal": "I can't argue that."})
    assert (refusal.text, refusal.info["refused"]) == ("I can't argue that.", True)
    assert speech(message={"content": None}).text == ""
    assert speech(finish="length").info == {"finished": False}
    with pytest.raises(PlayerError, match="used up max_new_tokens"):
        speech(message={"content": ""}, finish="length")
    with pytest.raises(PlayerError, match="content filter"):
        speech(finish="content_filter")


def test_too_long_a_conversation_truncates_its_own_episode(server: ApiServer) -> None:
    long = {**players(ApiModel(server.spec)), "debater_0": "scripted:" + "on and on " * 2000}
    (record,) = rollout(Debate(max_words=10_000), Things(), long, questions=1)
    assert record.truncated is not None
    assert record.truncated.startswith("judge_0: PromptTooLong")
    assert len(server.served) == 1


SECRETS = ("u5er", "pa55word", "t0ken")


def test_no_secret_is_shown_stored_or_logged(
    server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    server.needs_key = True
    caplog.set_level("DEBUG")
    monkeypatch.setenv("OVERSIGHT_ENVS_API_KEY", "sk-wrong-one")
    with pytest.raises(PlayerError, match=r"refuses the key \(401\): set OVERSIGHT_ENVS_API_KEY") as refused:
        decided(server, f"logit:{server.spec}")
    shown = [str(refused.value), repr(refused.value.__cause__)]
    lm = ApiModel(server.spec, api_key="sk-secret-key-of-the-tests", cache=tmp_path / "a.sqlite")
    rollout(Debate(), Things(), players(lm), questions=1, path=tmp_path / "e.jsonl")
    hidden = ApiModel("m", "http://u5er:pa55word@127.0.0.1:1/v1?key=t0ken#x", max_retries=0)
    with pytest.raises(PlayerError, match=r"no server answers at http://127.0.0.1:1/v1") as unreached:
        decided(server, ApiLogitJudge(hidden))
    shown += [str(unreached.value), repr(hidden), repr(hidden.description), hidden.fingerprint]
    shown += [repr(lm), pickle.dumps(lm).decode("latin1"), pickle.dumps(hidden).decode("latin1"), caplog.text]
    shown += [file.read_bytes().decode("latin1") for file in tmp_path.iterdir()]
    for secret in (*SECRETS, "sk-wrong-one", "sk-secret-key-of-the-tests"):
        assert not [text for text in shown if secret in text], secret
    assert without_secrets("--model openai:m@http://u5er:pa55word@h/v1?key=t0ken x") == "--model openai:m@http://h/v1 x"


def test_the_key_for_one_address_is_not_sent_to_another(server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-openai")
    decided(server, f"logit:{server.spec}")
    assert server.keys == {"Bearer none"}
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    decided(server, "logit:openai:test-model")
    assert "Bearer sk-of-openai" in server.keys


BAD: list[tuple[Callable[[], Any], str]] = [
    (lambda: ApiModel("openai:m@localhost:8000/v1"), "begins with http://"),
    (lambda: ApiModel("openai:m@http://localhost:8000"), "answer under /v1, so give http://localhost:8000/v1"),
    (lambda: ApiModel("openai:m@http://:8000/v1"), "give http://host:port/v1"),
    (lambda: ApiModel("openai:m@http://h:99999/v1"), "Port out of range"),
    (lambda: ApiModel("openai:"), "write openai:MODEL"),
    (lambda: ApiModel("m", "http://h/v1/chat/completions"), "leave /chat/completions out"),
    (lambda: ApiModel("m", concurrency=10**7), "raise the limit"),
    (lambda: ApiModel("m", timeout=0), "timeout=0"),
    (lambda: make_judge("reward-model:openai:m"), "a server's model can't be one; give one of logit"),
    (lambda: make_judge("logits:openai:m"), "KIND one of"),
]


@pytest.mark.parametrize(("make", "says"), BAD)
def test_bad_arguments(make: Callable[[], Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()


def test_no_key_and_no_model(server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PlayerError, match="no key: set OPENAI_API_KEY"):
        decided(server, "openai:test-model")
    with pytest.raises(PlayerError, match=r"no such model or address.*it has test-model"):
        decided(server, f"openai:other@{server.url}")
