"""What players may give: what is meant is taken, the rest is refused by name, and the episode stays as it was."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from small_tasks import Sums, Things

from oversight_envs import Episode, Question, Speech, Verdict
from oversight_envs.protocols import Debate, Direct, ProverVerifier

EVEN = (math.log(0.5), math.log(0.5))

BAD_VERDICTS: list[tuple[Any, str]] = [
    (None, "must decide by a Verdict of 2 log-probabilities, not None"),
    (0.3, "must decide by a Verdict"),
    (np.array(EVEN), "must decide by a Verdict"),
    (torch.tensor(EVEN), "must decide by a Verdict"),
    (Verdict, "must decide by a Verdict"),
    (Speech("A"), "must decide by a Verdict"),
    (Verdict((0.5, 0.5)), "sum to 3"),
    (Verdict((math.nan, 0.0)), "not finite"),
    (Verdict((-math.inf, 0.0)), "not finite"),
    (Verdict(EVEN[:1]), "1 log-probabilities for 2 options"),
    (Verdict(None), "numbers are needed, not None"),  # type: ignore[arg-type]
    (Verdict("ab"), "numbers are needed, not 'ab'"),  # type: ignore[arg-type]
    (Verdict((True, False)), "numbers are needed"),
    (Verdict(EVEN, mass=math.nan), "label mass of nan"),
    (Verdict(EVEN, mass="1"), "Verdict.mass: numbers are needed, not '1'"),  # type: ignore[arg-type]
]
BAD_SCORES: list[Any] = [None, True, math.nan, math.inf, np.array([1.0, 2.0]), EVEN, Verdict(EVEN), float]
BAD_SPEECHES: list[tuple[Any, str]] = [
    (None, "must say a string or a Speech, not None"),
    (b"bytes", "must say a string"),
    (3, "must say a string"),
    (Speech, "must say a string"),
    (Speech(None), "must say a string"),  # type: ignore[arg-type]
    (Speech("a", info={"v": math.nan}), "Speech.info of debater_0 can't be stored"),
    (Speech("a", info={"v": "\ud800"}), "lone surrogate"),
    (Speech("a", info={"v": object()}), "can't be stored"),
    (Speech("a", (1, 2), (-1.0,)), "2 token_ids with 1 log_probs"),
    (Speech("a", (1,), (math.nan,)), "NaN"),
    (Speech("a", (1.5,)), "token_ids"),  # type: ignore[arg-type]
    (Speech("a", ("1",)), "token_ids"),  # type: ignore[arg-type]
    ("a" * 100_001, "100,001 characters"),
]


def refused(episode: Episode, reply: Any, message: str) -> None:
    before = (episode.asks, episode.log, episode.transcript)
    with pytest.raises((ValueError, TypeError), match=message):
        episode.answer(episode.asks[0], reply)
    assert (episode.asks, episode.log, episode.transcript) == before
    assert not episode.done


@pytest.mark.parametrize(("reply", "message"), BAD_VERDICTS)
def test_bad_verdicts(reply: Any, message: str) -> None:
    episode = Episode(Direct(), Things()[0], 1)
    refused(episode, reply, message)
    episode.answer(episode.asks[0], Verdict(EVEN))
    assert episode.done


@pytest.mark.parametrize("reply", BAD_SCORES)
def test_bad_scores(reply: Any) -> None:
    episode = Episode(ProverVerifier(), Sums()[0], 1)
    for ask in episode.asks:
        episode.answer(ask, "Answer: 1")
    refused(episode, reply, "must score by a real number|not finite")


@pytest.mark.parametrize(("reply", "message"), BAD_SPEECHES)
def test_bad_speeches(reply: Any, message: str) -> None:
    refused(Episode(Debate(), Things()[0], 1), reply, message)


def test_what_is_meant_is_taken() -> None:
    for log_probs in (list(EVEN), np.array(EVEN), torch.tensor(EVEN), (np.float32(EVEN[0]), np.float64(EVEN[1]))):
        episode = Episode(Direct(), Things()[0], np.int64(1))  # type: ignore[arg-type]
        episode.answer(episode.asks[0], Verdict(log_probs, np.float32(0.5)))  # type: ignore[arg-type]
        (decision,) = episode.decisions
        assert {type(p) for p in (*decision.verdict.log_probs, decision.views[0].mass)} == {float}
    episode = Episode(Debate(), Things()[0], 1)
    episode.answer(episode.asks[0], Speech("a", torch.tensor([1, 2]), np.array([-1.0, -2.0])))  # type: ignore[arg-type]
    assert episode.log[0].reply == Speech("a", (1, 2), (-1.0, -2.0))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"id": "\ud800"}, "Question.id can't be stored"),
        ({"id": 3}, "non-empty string, not 3"),
        ({"text": None}, "text must be a string, not None"),
        ({"passage": b"a"}, "passage must be a string"),
        ({"metadata": {"x": math.nan}}, "metadata can't be stored"),
        ({"metadata": {"x": {1, 2}}}, "metadata can't be stored"),
        ({"truth": True}, "truth must be an index"),
        ({"truth": 5}, "truth 5 is not one of 2"),
    ],
)
def test_questions_that_could_not_be_stored_or_read(changes: dict[str, Any], message: str) -> None:
    given = {"id": "q", "text": "?", "options": ("a", "b"), "truth": 0}
    with pytest.raises((ValueError, TypeError), match=message):
        Question(**(given | changes))
    assert Question(**(given | {"truth": np.int64(1)})).truth == 1


def test_a_script_that_raises_ends_its_episode() -> None:
    class Broken(Direct):
        def play(self, question: Any, assigned: Any, rng: Any) -> Any:
            yield from super().play(question, assigned, rng)
            raise ZeroDivisionError("in the script")

    episode = Episode(Broken(), Things()[0], 1)
    with pytest.raises(ZeroDivisionError):
        episode.answer(episode.asks[0], Verdict(EVEN))
    assert episode.done
    assert episode.failed == "direct: ZeroDivisionError: in the script"
