"""An episode is its log: it is replayed, copied and branched, and refuses what does not belong to it."""

from __future__ import annotations

import pickle

import pytest

from oversight_envs import Episode, Question, ReplayError, Task
from oversight_envs.protocols import Debate, Direct
from oversight_envs.testing import Puppet, play


def test_replay_refuses_another_game(things: Task) -> None:
    log = play(Debate(), things[0], 1, dict.fromkeys(Debate.roles, Puppet())).log
    Episode(Debate(), things[0], 1, log)
    for protocol, question, seed in (
        (Debate(), things[1], 1),
        (Debate(max_words=9), things[0], 1),
        (Direct(), things[0], 1),
    ):
        with pytest.raises(ReplayError, match="entry 0"):
            Episode(protocol, question, seed, log)


def test_a_half_answered_ambiguous_decision_survives_a_copy(things: Task) -> None:
    episode = Episode(Direct(), things[0], 0)
    episode.answer(episode.asks[0], "who knows")
    twin = pickle.loads(pickle.dumps(episode))
    assert twin.asks[0].prompt == episode.asks[0].prompt
    assert twin.asks[0].draw == 1
    twin.answer(twin.asks[0], "still unsure")
    assert twin.truncated
    assert not episode.done


def test_a_branch_leaves_the_episode_alone() -> None:
    episode = Episode(Debate(), Question("q", "?", ("a", "b"), "text"), 0)
    before = episode.asks
    branch = episode.branch()
    branch.answer(branch.asks[0], "only there")
    assert episode.asks == before
    with pytest.raises(ValueError, match="not open in this episode"):
        episode.answer(branch.asks[0], "wrong episode")
