"""Prices, the most that may be spent, and what a dry run says beside what was spent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from api_server import ApiServer
from small_tasks import Things

from oversight_envs import PlayerError, rollout
from oversight_envs.agents import ApiAgent, BestOfNAgent
from oversight_envs.core.players import OutOfBudget
from oversight_envs.core.usage import Spent
from oversight_envs.judges import ApiLogitJudge, make_judge
from oversight_envs.models.api import AnswerCache, ApiModel, Budget, Price, dollars, load_prices
from oversight_envs.play import estimate, read_episodes
from oversight_envs.protocols import Debate

DEAR = {"test-model": Price(input=1000.0, output=10_000.0, cached=100.0)}


def players(lm: ApiModel) -> dict[str, Any]:
    debater = ApiAgent(lm, max_new_tokens=10)
    return {"debater_0": debater, "debater_1": debater, "judge_0": ApiLogitJudge(lm)}


def test_prices_by_name_and_by_name_with_a_date(tmp_path: Path) -> None:
    spent = Spent("gpt-4o-mini-2024-07-18", tokens_in=2_000_000, tokens_out=1_000_000, tokens_cached=1_000_000, calls=1)
    assert dollars([spent], load_prices()) == (pytest.approx(0.15 + 0.075 + 0.6), [])
    (tmp_path / "mine.toml").write_text('["my.model"]\ninput = 1\noutput = 2\n["gpt-4o-mini"]\ninput = 0\noutput = 3')
    mine = load_prices(tmp_path / "mine.toml")
    assert dollars([spent, Spent("my.model", calls=1, tokens_in=500_000)], mine) == (pytest.approx(3.5), [])
    assert dollars([Spent("other", calls=1), Spent("third", repeated=1)], mine) == (0, ["other"])


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("[m]\ninput = 1\noutptu = 2", "'outptu': did you mean 'output'"),
        ("[m]\ninput = 1", "lacks output"),
        ("[m]\ninput = -1\noutput = 2", "input = -1: give dollars"),
        ("[m]\ninput = 'free'\noutput = 2", "a number of at least 0"),
        ("m = 3", "give a table"),
        ("[gpt-9.5]\ninput = 1\noutput = 1", 'in quotes, \\["a.b"\\]'),
        ("[m", "mine.toml.*(?:line 1|end of document)"),
        (None, "No such file"),
    ],
)
def test_a_table_with_a_mistake_says_where(table: str | None, says: str, tmp_path: Path) -> None:
    if table is not None:
        (tmp_path / "mine.toml").write_text(table)
    with pytest.raises(ValueError, match=says):
        load_prices(tmp_path / "mine.toml")


def test_a_budget_stops_in_good_order_and_a_larger_one_goes_on(server: ApiServer, tmp_path: Path) -> None:
    path, cache = tmp_path / "episodes.jsonl", AnswerCache(tmp_path / "answers.sqlite")
    whole = rollout(Debate(), Things(), players(ApiModel(server.spec)))
    cost = sum(dollars(spent, DEAR)[0] for record in whole for spent in record.usage.values())
    server.requests.clear()
    budget = Budget(cost * 0.7, DEAR)
    for on_failure in ("raise", "record"):
        lm = ApiModel(server.spec, cache=cache, budget=budget)
        with pytest.raises(OutOfBudget, match=r"are spent, and the next call of test-model may cost"):
            rollout(Debate(), Things(), players(lm), path=path, concurrency=2, on_failure=on_failure)  # type: ignore[arg-type]
    assert 0 < budget.spent <= cost * 0.7
    finished = list(read_episodes(path))
    assert 1 <= len(finished) < 4
    records = rollout(Debate(), Things(), players(ApiModel(server.spec, cache=cache)), path=path)
    assert [record.entries for record in records] == [record.entries for record in whole]
    assert len(server.requests) == 4 * 3  # what was paid for is not paid again


def test_a_budget_needs_a_price_and_a_number() -> None:
    with pytest.raises(ValueError, match="max_cost=1: no price of 'm' is known"):
        Budget(1).price("m")
    with pytest.raises(ValueError, match="max_cost=0"):
        Budget(0)


@pytest.mark.parametrize("kind", ["logit", "stated", "sampled", "reasoning", "reasoning:stated"])
def test_a_dry_run_counts_the_calls_and_asks_nobody(server: ApiServer, kind: str) -> None:
    server.words = lambda body: "word " * 10 + f"\nAnswer: {'AB'[body['seed'] % 2]}"
    judge = make_judge(f"{kind}:{server.spec}")
    debater = BestOfNAgent(ApiAgent(server.spec, max_new_tokens=12), judge, 2)
    cast = {"debater_0": debater, "debater_1": debater, "judge_0": judge}
    debate = Debate(both_orders=True)
    expected = estimate(debate, cast, [Things()[0], Things()[1]])
    assert server.requests == []
    records = rollout(debate, Things(), cast, questions=[Things()[0], Things()[1]])
    for role in cast:
        calls = sum(row.calls for record in records for row in record.usage[role])
        tokens = sum(row.tokens_in for record in records for row in record.usage[role])
        assert expected[role][0].calls == calls
        assert 0.5 * tokens < expected[role][0].tokens_in < 1.5 * tokens or kind.startswith("reasoning")
    assert sum(row.calls for spent in expected.values() for row in spent) == len(server.requests)


def test_a_call_that_fails_gives_its_reserve_back(server: ApiServer) -> None:
    server.fault = lambda number, body: "500"
    lm = ApiModel(server.spec, max_retries=0, budget=Budget(100, DEAR))
    for _ in range(2):
        with pytest.raises(PlayerError, match="answers 500"):
            rollout(Debate(), Things(), players(lm), questions=1)
