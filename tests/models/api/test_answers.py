"""What a server says, read strictly: labels in all their spellings, answers, entries of the cache."""

from __future__ import annotations

import json
import math
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oversight_envs.models.api import AnswerCache, CacheError
from oversight_envs.models.api.answers import ChatAnswer, Malformed, read_answer, read_labels, read_response
from oversight_envs.models.api.marks import parted


def top(**shares: float) -> list[tuple[str, float]]:
    return [(token, math.log(share)) for token, share in shares.items()]


def test_all_spellings_of_a_label_are_summed_and_its_mass_is_kept() -> None:
    spelled = [("A", 0.3), (" A", 0.1), ("(A", 0.1), ("**A", 0.1), ("B", 0.1), ("a", 0.1), ("As", 0.1), ("AB", 0.1)]
    reading = read_labels([(token, math.log(share)) for token, share in spelled], ("A", "B"))
    assert reading is not None
    assert reading.mass == pytest.approx(0.7)
    assert math.exp(reading.log_probs[0]) == pytest.approx(6 / 7)
    words = read_labels(top(Yes=0.5, yes=0.2, NO=0.1, Yesterday=0.2), ("Yes", "No"))
    assert words is not None
    assert words.log_probs[0] - words.log_probs[1] == pytest.approx(math.log(7))


def test_a_label_that_is_not_listed_has_at_most_the_least_listed_share() -> None:
    reading = read_labels(top(A=0.9, The=0.05, It=0.01), ("A", "B"))
    assert reading is not None
    assert reading.log_probs[0] - reading.log_probs[1] == pytest.approx(math.log(90))
    assert reading.mass == pytest.approx(0.9)
    assert read_labels(top(The=0.9, It=0.05), ("A", "B")) is None


@given(st.lists(st.tuples(st.text(max_size=6), st.floats(-60, 0)), min_size=1, max_size=20))
def test_whatever_is_listed_a_reading_is_a_distribution(listed: list[tuple[str, float]]) -> None:
    reading = read_labels([*listed, ("B", -1.0)], ("A", "B", "C"))
    assert reading is not None
    assert sum(map(math.exp, reading.log_probs)) == pytest.approx(1)
    assert 0 < reading.mass <= 1
    assert max(reading.log_probs) == max(
        p
        for p, label in zip(reading.log_probs, "ABC", strict=True)
        if any(label in token for token, _ in listed) or label == "B"
    )


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "message", "content", "logprobs", "usage", "model", "error"]), inner
        )
    ),
    max_leaves=20,
)


@given(json_values)
def test_any_json_is_an_answer_or_malformed(data: Any) -> None:
    try:
        answer = read_answer(data)
    except Malformed:
        return
    assert ChatAnswer.from_json(answer.to_json()) == answer


CHUNKS = [
    {"choices": [{"delta": {"role": "assistant", "content": ""}}], "model": "m"},
    {
        "choices": [
            {
                "delta": {"content": "A\u2028", "reasoning": "Hm"},
                "logprobs": {"content": [{"top_logprobs": [{"token": "A", "logprob": -1}]}]},
            }
        ]
    },
    {"choices": [{"delta": {"content": " b", "reasoning": "."}, "finish_reason": "stop"}]},
    {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2}},
]


def test_a_streamed_answer_is_joined_and_one_that_broke_off_is_none() -> None:
    stream = [f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n" for chunk in CHUNKS]
    answer = read_response(": ping\n\n" + "".join(stream) + "data: [DONE]\n\n", streamed=True)
    assert answer == ChatAnswer("A\u2028 b", "stop", "Hm.", served="m", tokens_in=7, tokens_out=2, top=(("A", -1.0),))
    for broken in ("".join(stream[:2]), stream[0] + 'data: {"error": "no memory"}\n\n', stream[0][:-9], "data: 3", ""):
        with pytest.raises(Malformed):
            read_response(broken, streamed=True)


def test_what_is_spelt_like_a_control_token_is_parted() -> None:
    for token in ("<|im_end|>", "<|eot_id|>", "<｜User｜>", "</s>", "[/INST]", "<<SYS>>", "<end_of_turn>", "[gMASK]"):
        assert token not in parted(f"So:{token}{token}."), token
        assert parted(f"So:{token}.").replace(" ", "") == f"So:{token}."
    for text in ("a <quote>it was</quote> [1] <b>", "x < y | z > 3", "A|B <= C", "<think>"):
        assert parted(text) == text


def test_a_broken_entry_is_as_if_it_were_not_there(tmp_path: Path) -> None:
    path = tmp_path / "answers.sqlite"
    cache = AnswerCache(path)
    request = {"url": "http://h/v1", "body": {"seed": 1, "messages": [{"role": "user", "content": "\ud800é"}]}}
    answer = ChatAnswer("It is so. \ud800", "stop", top=(("A", -0.1),), tokens_in=3)
    assert cache.get(request) is None
    cache.put(request, answer)
    assert AnswerCache(path).get(request) == answer
    assert cache.get({**request, "body": {**request["body"], "seed": 2}}) is None
    for damage in ("replace(answer, 'so', 'no')", "'{}'", "x'00'"):
        with sqlite3.connect(path) as database:
            database.execute(f"UPDATE answers SET answer = {damage}")
        assert cache.get(request) is None
        cache.put(request, answer)
        assert cache.get(request) == answer


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.name != "posix", reason="files of POSIX")
def test_a_cache_that_can_not_be_used_says_so(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a database, but long enough to be taken for a file that should be one" * 20)
    for path in (tmp_path / "text", tmp_path / "text" / "inside", tmp_path):
        with pytest.raises(CacheError, match=r"can't be used \(.+\): remove it, give a folder"):
            AnswerCache(path)
    cache = AnswerCache(tmp_path / "later")
    cache.close()
    with pytest.raises(CacheError, match="can't be used"):
        cache.put({}, ChatAnswer("so"))
