"""From records to what is trained on: whose tokens, which sequences, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle
from typing import Any

import pytest
import torch
from small_tasks import Things
from training_games import config, play, replies, same, seeded, tiny, tokenizer, weights
from transformers import LlamaForCausalLM

from oversight_envs.core.prompt import Message, Prompt
from oversight_envs.core.record import Record
from oversight_envs.core.requests import Turn
from oversight_envs.core.speech import Speech
from oversight_envs.judges import CallableJudge
from oversight_envs.models import LanguageModel
from oversight_envs.play import rollout
from oversight_envs.protocols import Debate
from oversight_envs.protocols.debate import DEBATERS
from oversight_envs.training import PPO, TextPolicy, collect

pytestmark = pytest.mark.usefixtures("one_thread")


def test_turns_of_an_episode_are_one_sequence_and_only_own_tokens_count() -> None:
    policy = TextPolicy(tiny(), max_new_tokens=4)
    records = play(policy, samples=8, turns=3)
    samples = collect(records, policy.lm, ["speaker_0"])
    merged = 0
    for record, made in zip(records, samples.trajectories, strict=True):
        drawn = [token for speech in replies(record) for token in speech.token_ids]
        assert [sequence.ids[t] for sequence in made.sequences for t in sequence.own] == drawn
        said = [log_prob for speech in replies(record) for log_prob in speech.log_probs]
        assert [p for sequence in made.sequences for p in sequence.log_probs] == said
        assert made.reward == record.rewards["speaker_0"]
        if len(made.sequences) == 1:
            merged += 1
            last = record.entries[-1]
            assert made.sequences[0].ids == (*policy.lm.encode(last.prompt), *replies(record)[-1].token_ids)
    assert merged >= 4
    assert samples.split == len(records) - merged
    sequences = [sequence for made in samples.trajectories for sequence in made.sequences]
    now = policy.evaluate(sequences)
    assert torch.allclose(
        now.log_probs, torch.tensor([p for sequence in sequences for p in sequence.log_probs]), atol=1e-5
    )
    assert now.values.tolist() == [0.0] * len(now.values)  # the head starts at zero
    assert (now.entropies > 0).all()


def test_a_side_that_was_chosen_parts_no_groups_and_one_that_was_given_does() -> None:
    """Samples that chose different answers are compared: which answer was chosen is what the reward is about."""
    answers = cycle(Things()[0].options)

    class Chooser:
        def speak(self, turns: Sequence[Turn]) -> list[Speech]:
            return [Speech("red" if turn.index else next(answers), (5,), (-1.0,)) for turn in turns]

    players = {**dict.fromkeys(DEBATERS, Chooser()), "judge_0": CallableJudge(log_odds=lambda case: 1.0)}
    for game, sides in ((Debate(positions="open"), {""}), (Debate(), {"0", "1"})):
        records = rollout(game, Things(), players, questions=[Things()[0]], samples=4)
        assert {record.assigned.sides["debater_0"] for record in records} == {0, 1}
        made = collect(records, tiny(), DEBATERS).trajectories
        assert len(made) == 8
        assert {trajectory.group[-1] for trajectory in made} == sides


def test_other_peoples_tokens_have_no_gradient() -> None:
    policy = TextPolicy(tiny(tie_word_embeddings=False), max_new_tokens=4)
    sequence = collect(play(policy, samples=2, turns=2), policy.lm, ["speaker_0"]).trajectories[0].sequences[0]
    assert len(sequence.own) < len(sequence.ids)
    states: list[torch.Tensor] = []

    def keep(module: Any, args: Any, out: torch.Tensor) -> None:
        out.retain_grad()
        states.append(out)

    hook = policy.lm.model.model.norm.register_forward_hook(keep)  # what the output layer reads
    policy.evaluate([sequence]).log_probs.sum().backward()
    hook.remove()
    assert states[0].grad is not None
    first = len(sequence.ids) - states[0].shape[1]
    reached = {first + int(i) + 1 for i in states[0].grad[0].abs().sum(-1).nonzero()[:, 0]}
    assert reached == set(sequence.own)


def speech(ids: tuple[int, ...]) -> Speech:
    return Speech("", ids, (-1.0,) * len(ids))


def with_reply(record: Record, reply: Speech) -> Record:
    return replace(record, entries=(replace(record.entries[0], reply=reply), *record.entries[1:]))


def test_odd_records_are_counted_or_refused() -> None:
    policy = TextPolicy(tiny(), max_new_tokens=2)
    records = play(policy, samples=2)
    end = policy.lm.tokenizer.eos_token_id
    only_end = collect([with_reply(records[0], speech((end,))), *records[1:]], policy.lm, ["speaker_0"])
    assert [only_end.trajectories[0].sequences[0].ids[t] for t in only_end.trajectories[0].sequences[0].own] == [end]
    nothing = collect([with_reply(records[0], speech(())), *records[1:]], policy.lm, ["speaker_0"])
    assert (nothing.unspoken, len(nothing.trajectories)) == (1, 3)
    no_reward = collect([replace(records[0], rewards={}), *records[1:]], policy.lm, ["speaker_0"])
    assert (no_reward.unrewarded, len(no_reward.trajectories)) == (1, 3)
    with pytest.raises(ValueError, match="nothing to train speaker_1"):
        collect(records, policy.lm, ["speaker_1"])
    with pytest.raises(ValueError, match="another model's"):
        collect([with_reply(records[0], speech((10**6,)))], policy.lm, ["speaker_0"])
    with pytest.raises(ValueError, match="log-probabilities"):
        collect([with_reply(records[0], Speech("", (1, 2), (-1.0,)))], policy.lm, ["speaker_0"])
    ppo = PPO(policy, ["speaker_0"])
    before = weights(ppo)
    assert ppo.step([with_reply(records[0], speech((end,))), *records[1:]])["tokens"] > 0
    after = weights(ppo)
    for bad in (math.nan, math.inf):
        with pytest.raises(ValueError, match=f"speaker_0 on question .* is {bad}"):
            ppo.step(records, [{"speaker_0": bad}] * len(records))
    assert same(weights(ppo), after)
    assert not same(before, after)


def test_a_cut_speech_starts_a_new_sequence_and_the_reward_stays_on_the_last() -> None:
    policy = TextPolicy(tiny(), max_new_tokens=2)
    record = play(policy, samples=1, turns=2)[0]
    said = Message("assistant", "pink pink pink")
    cut: Prompt = tuple(message if message.role == "user" else said for message in record.entries[1].prompt)
    record = replace(record, entries=(record.entries[0], replace(record.entries[1], prompt=cut)))
    samples = collect([record], policy.lm, ["speaker_0"])
    assert samples.split == 1
    assert len(samples.trajectories[0].sequences) == 2
    assert PPO(policy, ["speaker_0"]).step([record])["tokens"] == sum(len(s.token_ids) for s in replies(record))


def test_control_characters_in_a_speech_do_not_lose_its_ids() -> None:
    made = tokenizer("red \x07red")
    lm = LanguageModel(seeded(lambda: LlamaForCausalLM(config(len(made)))), made, name="bell")
    policy = TextPolicy(lm, max_new_tokens=6)
    for record in play(policy, samples=8):
        assert all(s.token_ids and "\x07" not in s.text for s in replies(record))
