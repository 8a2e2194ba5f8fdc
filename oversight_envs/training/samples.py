"""From finished episodes to what a policy is trained on: the tokens it drew, where they stood, and what they earned.

Own tokens are exactly the ids that were drawn, end tokens and private scratchpads included; nothing is tokenised
again. All else in a sequence (instructions, the passage, other people's words, the template) is read and never trained
on.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from oversight_envs.core.record import Record
from oversight_envs.core.speech import Speech
from oversight_envs.evaluation.records import as_records
from oversight_envs.models import TrainableEngine

Group = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class TokenSequence:
    """One sequence: ``own`` are the positions in ``ids`` of tokens that the policy drew, ascending, never 0;
    ``log_probs`` are the natural log-probabilities with which it drew them."""

    ids: tuple[int, ...]
    own: tuple[int, ...]
    log_probs: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Trajectory:
    """All that one role said in one episode, and the reward it earned by it.

    It is one sequence as long as each prompt begins with everything before it, ids and all, as prompts are built to do.
    It goes on in a new sequence where that is not so: a speech was cut at the word limit or cleaned of control
    characters, or ended with another token than the template's. Tokens keep their order across sequences, and the
    reward stands on the very last one.
    """

    role: str
    group: Group
    """What rewards are comparable: batch, question, kind of role, and the side it was given to argue for. Debaters are
    of one kind, so with two samples of a question each side of it has a group of two. A side that was chosen, in an
    open debate or by answering, is what the reward is to judge, and parts no groups."""
    reward: float
    sequences: tuple[TokenSequence, ...]


@dataclass(frozen=True, slots=True)
class Samples:
    """The trajectories of a batch of episodes, and what could not be used."""

    trajectories: tuple[Trajectory, ...]
    unrewarded: int
    """Roles of episodes that earned nothing, not even 0: those of truncated episodes."""
    unspoken: int
    """Turns without token ids: not said by a language model, or nothing was drawn. An empty speech that is an end token
    alone is a turn like any other."""
    split: int
    """Trajectories of more than one sequence."""


def collect(
    records: Sequence[Record],
    lm: TrainableEngine,
    roles: Collection[str],
    rewards: Sequence[Mapping[str, float]] | None = None,
) -> Samples:
    """The trajectories of ``roles``, in the order of the records and of their turns.

    Args:
        records: finished episodes in which the policy played ``roles``.
        lm: the policy's engine, whose encoder gives the prompts' ids.
        roles: the roles to train, ``("debater_0", "debater_1")``.
        rewards: for each record the rewards by role; ``record.rewards`` by default.

    Raises ValueError for a reward that is not finite, for ids that are not this model's or that lack their
    probabilities, and where nothing is left to train on.
    """
    records = as_records(records)
    if isinstance(roles, str) or not roles:
        raise ValueError(f"roles={roles!r:.80}: give the roles to train, such as ('debater_0', 'debater_1')")
    earned = [record.rewards for record in records] if rewards is None else rewards
    if len(earned) != len(records):
        raise ValueError(f"rewards has {len(earned)} entries for {len(records)} records: give one for each")
    vocabulary = lm.vocabulary_size
    trajectories, unrewarded, unspoken = [], 0, 0
    for record, row in zip(records, earned, strict=True):
        for role in roles:
            turns = [entry for entry in record.entries if entry.role == role and isinstance(entry.reply, Speech)]
            if turns and role not in row:
                unrewarded += 1
                continue
            sequences: list[TokenSequence] = []
            for entry in turns:
                assert isinstance(entry.reply, Speech)
                if not entry.reply.token_ids:
                    unspoken += 1
                    continue
                _check(entry.reply, f"{role} on question {record.question.id!r}", vocabulary)
                _append(sequences, tuple(lm.encode(entry.prompt)), entry.reply)
            if sequences:
                reward = _finite(row[role], role, record.question.id)
                trajectories.append(Trajectory(role, _group(record, role), reward, tuple(sequences)))
    if not trajectories:
        raise ValueError(
            f"there is nothing to train {', '.join(roles)} on: of {len(records)} episodes {unrewarded} gave such a "
            f"role no reward, and {unspoken} turns have no token ids; fill these roles with the TextPolicy"
        )
    split = sum(len(trajectory.sequences) > 1 for trajectory in trajectories)
    return Samples(tuple(trajectories), unrewarded, unspoken, split)


def _append(sequences: list[TokenSequence], prompt: tuple[int, ...], speech: Speech) -> None:
    """Adds a turn to the last sequence if the prompt begins with it, else as a new sequence."""
    last = sequences[-1] if sequences and prompt[: len(sequences[-1].ids)] == sequences[-1].ids else None
    own = tuple(range(len(prompt), len(prompt) + len(speech.token_ids)))
    ids = prompt + speech.token_ids
    if last is None:
        sequences.append(TokenSequence(ids, own, speech.log_probs))
    else:
        sequences[-1] = TokenSequence(ids, last.own + own, last.log_probs + speech.log_probs)


def _check(speech: Speech, where: str, vocabulary: int) -> None:
    if len(speech.log_probs) != len(speech.token_ids):
        raise ValueError(f"{where}: {len(speech.token_ids)} token ids have {len(speech.log_probs)} log-probabilities")
    if not all(0 <= token < vocabulary for token in speech.token_ids):
        raise ValueError(f"{where}: its token ids are another model's; train only roles that this policy played")


def _finite(reward: float, role: str, question: str) -> float:
    if not math.isfinite(reward):
        raise ValueError(f"the reward of {role} on question {question!r} is {reward}: nothing was trained")
    return float(reward)


def _group(record: Record, role: str) -> Group:
    chosen = record.outcome is not None and role in record.outcome.sides
    side = "" if chosen else record.assigned.sides.get(role, "")
    return record.group or "", record.question.id, record.roles[role].kind, str(side)
