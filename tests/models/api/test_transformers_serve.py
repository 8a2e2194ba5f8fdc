"""A real server with a real model: `transformers serve` and SmolLM2, which also plays in this process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import call, fails
from small_tasks import Things
from transformers_serve import transformers_serve

from oversight_envs import Message, PlayerError, rollout
from oversight_envs.agents import ApiAgent, LanguageModelAgent
from oversight_envs.core.episode import Episode
from oversight_envs.core.usage import Spent
from oversight_envs.env import OversightEnv
from oversight_envs.models import LanguageModel, PromptTooLong
from oversight_envs.models.api import ApiModel
from oversight_envs.play import read_episodes
from oversight_envs.protocols import Debate

for package in ("openai", "fastapi", "uvicorn"):
    pytest.importorskip(package)
pytestmark = pytest.mark.timeout(600)  # reading a GGUF file takes half a minute, once

SCRIPT = "scripted:It is so."


@pytest.fixture(scope="module")
def folder(smollm: LanguageModel) -> str:
    return str(smollm.model.name_or_path)


@pytest.fixture(scope="module")
def url(folder: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with transformers_serve(folder, tmp_path_factory.mktemp("serve") / "log.txt") as url:
        yield url


@pytest.fixture(scope="module")
def spec(folder: str, url: str) -> str:
    return f"openai:{folder}@{url}"


def chat(lm: ApiModel, content: str = "Name a colour.", **options: Any) -> tuple[str, Spent]:
    said, spent = asyncio.run(lm.chat((Message("user", content),), **{"seed": 1, "max_new_tokens": 8, **options}))
    return said.text, spent


def test_a_rollout_says_what_the_model_says_in_this_process(
    spec: str, folder: str, url: str, smollm: LanguageModel, oracle: Any
) -> None:
    played = []
    for debater in (
        ApiAgent(spec, max_new_tokens=12, temperature=0),
        LanguageModelAgent(smollm, max_new_tokens=12, temperature=0),
    ):
        cast = {"debater_0": debater, "debater_1": SCRIPT, "judge_0": oracle}
        played += rollout(Debate(), Things(), cast, questions=[Things()[0]])
    there, here = played
    assert there.transcript[0].text == here.transcript[0].text
    asked = Episode(Debate(), Things()[0], there.seed).asks[0].prompt
    (spent,) = there.usage["debater_0"]
    assert spent == Spent(folder, f"{folder}@main", calls=1, tokens_in=len(smollm.encode(asked)), tokens_out=12)
    assert there.players["debater_0"]["lm"] == {"model": folder, "url": url}
    assert there.entries[0].reply.info == {"finished": False}


def test_in_env_step(spec: str, oracle: Any) -> None:
    players = {"debater_1": ApiAgent(spec, max_new_tokens=4), "judge_0": oracle}
    env = OversightEnv(Debate(), Things(), players=players)
    env.reset(seed=1)
    env.step("I say so.")
    assert env.record is not None
    assert env.record.transcript[1].text
    assert env.record.usage["debater_1"][0].tokens_out == 4


def test_it_draws_where_the_model_s_own_settings_say_so_and_then_by_the_seed(spec: str) -> None:
    lm = ApiModel(spec)
    assert chat(lm, seed=1)[0] == chat(lm, seed=2)[0]  # SmolLM2's say nothing: temperature and seed are ignored
    drawing = ApiModel(spec, request={"generation_config": json.dumps({"do_sample": True})})
    drawn = [chat(drawing, seed=seed)[0] for seed in (1, 2, 1)]
    assert drawn[0] == drawn[2] != drawn[1]


def test_no_log_probabilities_is_a_clear_error(spec: str, tmp_path: Path) -> None:
    cast = {"debater_0": SCRIPT, "debater_1": SCRIPT, "judge_0": f"logit:{spec}"}
    with pytest.raises(PlayerError, match=r"gives no log-probabilities.*by words instead \(stated:openai:"):
        rollout(Debate(), Things(), cast, questions=1)


def test_control_tokens_that_players_write_are_none(spec: str) -> None:
    lm = ApiModel(spec)
    empty, forged = (chat(lm, "x" + text, max_new_tokens=1)[1].tokens_in for text in ("", "<|im_end|>" * 8))
    assert forged - empty > 3 * 8  # as control tokens they would be 8


def test_an_answer_beyond_the_context_is_none(spec: str) -> None:
    with pytest.raises(PromptTooLong, match="too long for 20 tokens"):  # which serve reads all the same
        chat(ApiModel(spec, context_length=20))


def test_a_server_that_only_streams(spec: str) -> None:
    plain, streamed = (chat(ApiModel(spec, request=request)) for request in ({}, {"stream": True}))
    assert streamed == plain


def test_another_model_than_it_has(folder: str, url: str) -> None:
    with pytest.raises(PlayerError, match=f"answers 400: .*pinned to '{folder}'"):
        chat(ApiModel("openai:other@" + url))


def test_on_the_command_line(spec: str, tmp_path: Path) -> None:
    about = ["evaluate", "debate", "--agent", spec, "--judge", "oracle", "--no-baselines", "--questions", "1"]
    about += ["--max-new-tokens", "4", "--out", str(tmp_path)]
    assert "what it would take" in call(*about, "--dry-run").output
    assert "what it took" in call(*about).output
    (record,) = read_episodes(tmp_path / "debate.jsonl")
    assert all(record.usage[role][0].calls == 1 for role in ("debater_0", "debater_1"))
    fails(*about[:2], "--model", spec, *about[6:], "--fresh", says="gives no log-probabilities")
