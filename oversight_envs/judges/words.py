"""Judges and verifiers that answer in words: for any model that can speak, where it gives no log-probabilities too.

Each is made of a player that speaks. What can't be read is asked for once more; then PlayerError is raised: nothing is
ever guessed.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Generator, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any, ClassVar

from oversight_envs.core.answers import DecisionError
from oversight_envs.core.checks import at_least
from oversight_envs.core.players import Consult, PlayerError, describe_player
from oversight_envs.core.prompt import Message, Prompt
from oversight_envs.core.requests import Ask, Case, Duty, Reply, Turn, as_turn
from oversight_envs.core.verdict import Verdict, with_info
from oversight_envs.tasks.final_answers import final_answer

Work = Generator[Consult, list[Any], Any]

_JUDGES: frozenset[Duty] = frozenset({"decide", "score"})
_FENCE = re.compile(r"```(?:json)?\s*(\{.*?\})\s*```|(\{[^{}]*\})\s*$", re.DOTALL)


class StatedJudge:
    """Decides, or scores, by the probabilities that a model states in words or as JSON.

    Args:
        speaker: who is asked: a player that speaks, or the name of a model.
    """

    does: ClassVar[frozenset[Duty]] = _JUDGES

    def __init__(self, speaker: Any) -> None:
        self.speaker = speaker_of(speaker, temperature=0.0)

    def answer(self, ask: Ask) -> Work:
        shown = _told(ask.prompt, f"End with a line of its own that says how sure you are: {_example(ask)}")
        (reply,) = yield from _read_all(self.speaker, ask, shown, [ask.draw])
        return reply

    @property
    def description(self) -> dict[str, Any]:
        return {"type": "stated", "speaker": describe_player(self.speaker)}


class SampledJudge:
    """Decides, or scores, by ``n`` votes of a model, each drawn with a random stream of its own.

    An option with k of n votes is given (k + 1) / (n + number of options), Laplace's rule of succession: what so few
    votes leave open stays open, and no probability is 0. ``info["votes"]`` has the counts: each option's, or those for
    right and for wrong.
    """

    does: ClassVar[frozenset[Duty]] = _JUDGES

    def __init__(self, speaker: Any, n: int = 8) -> None:
        at_least("n", n, 1)
        self.speaker, self.n = speaker_of(speaker, temperature=1.0), n

    def answer(self, ask: Ask) -> Work:
        replies: list[Any] = yield from _read_all(
            self.speaker, ask, ask.prompt, [ask.draw * self.n + vote for vote in range(self.n)]
        )
        options = len(ask.labels) if isinstance(ask, Case) else 2
        votes = [0.0] * options
        for reply in replies:
            voted = reply.choice if isinstance(reply, Verdict) else int(reply < 0)
            if voted is None or reply == 0:  # as likely the one as the other: half a vote each
                votes = [count + 1 / options for count in votes]
            else:
                votes[voted] += 1
        log_probs = tuple(math.log((count + 1) / (self.n + options)) for count in votes)
        return with_info(Verdict(log_probs) if isinstance(ask, Case) else log_probs[0] - log_probs[1], votes=votes)

    @property
    def description(self) -> dict[str, Any]:
        return {"type": "sampled", "n": self.n, "speaker": describe_player(self.speaker)}


class ReasoningJudge:
    """Thinks first, in words, then decides or scores with these thoughts before it; ``info["thoughts"]`` keeps them.

    Args:
        speaker: who thinks: a player that speaks, or the name of a model.
        judge: who then decides: any judge or verifier.
    """

    does: ClassVar[frozenset[Duty]] = _JUDGES

    def __init__(self, speaker: Any, judge: Any) -> None:
        self.speaker, self.judge = speaker_of(speaker, temperature=1.0), judge

    def answer(self, ask: Ask) -> Work:
        thinking = _told(ask.prompt, "Don't answer yet. First weigh step by step what speaks for and against each.")
        (thoughts,) = yield Consult(self.speaker, [replace(as_turn(ask, draw=ask.draw), prompt=thinking)])
        decide = Message("user", f"Now answer. Reply with {_short_answers(ask)} only.")
        prompt = (*thinking, Message("assistant", thoughts.text), decide)
        (reply,) = yield Consult(self.judge, [replace(ask, prompt=prompt)])
        return with_info(reply, thoughts=thoughts.text)

    @property
    def description(self) -> dict[str, Any]:
        thinks, decides = describe_player(self.speaker), describe_player(self.judge)
        return {"type": "reasoning", "thinks": thinks, "decides": decides}


def speaker_of(speaker: Any, *, temperature: float) -> Any:
    """The player that speaks, made where it is the name of one."""
    if not isinstance(speaker, str):
        return speaker
    make = import_module("oversight_envs.agents.specs").make_speaker  # by name: agents use judges
    return make(speaker, max_new_tokens=1024, temperature=temperature)


def _read_all(
    speaker: Any, ask: Ask, prompt: Prompt, draws: Sequence[int]
) -> Generator[Consult, list[Any], list[Reply]]:
    """What the speaker answers, once for each draw; what can't be read is asked for once more."""
    turns = [replace(as_turn(ask, draw=draw), prompt=prompt) for draw in draws]
    said = yield Consult(speaker, turns)
    replies: list[Reply | None] = [_read(ask, speech.text) for speech in said]
    if unread := [place for place, reply in enumerate(replies) if reply is None]:
        again = [_asked_again(turns[place], said[place].text, ask) for place in unread]
        for place, speech in zip(unread, (yield Consult(speaker, again)), strict=True):
            replies[place] = _read(ask, speech.text)
            if replies[place] is None:
                raise PlayerError(f"{ask.role} gave no clear answer, asked twice: {speech.text!r:.200}")
    return [reply for reply in replies if reply is not None]


def _asked_again(turn: Turn, text: str, ask: Ask) -> Turn:
    return replace(turn, prompt=(*turn.prompt, Message("assistant", text), Message("user", ask.clarify)))


def _read(ask: Ask, text: str) -> Reply | None:
    """The answer in a text: its JSON, its last ``Answer:`` line, or all of it; None where it is not clear."""
    match = _FENCE.search(text.strip())
    for part in (_from_json(match[1] or match[2]) if match else None, final_answer(text), text):
        if part is not None:
            try:
                return ask.read(part)
            except DecisionError:
                continue
    return None


def _from_json(text: str) -> str | None:
    """``{"A": 0.7, "B": 0.3}`` or ``{"answer": "A"}`` as a game's words."""
    try:
        data = json.loads(text)
    except ValueError:
        return None
    if len(data) == 1:
        ((key, value),) = data.items()
        return f"{key}: {value}" if len(key) == 1 else str(value)
    return ", ".join(f"{key}: {value}" for key, value in data.items())


def _told(prompt: Prompt, instruction: str) -> Prompt:
    """The prompt with an instruction at the end of its last message."""
    return (*prompt[:-1], prompt[-1]._replace(content=f"{prompt[-1].content}\n\n{instruction}"))


def _example(ask: Ask) -> str:
    if not isinstance(ask, Case):
        return "“Answer: 0.8”, for a probability of 80% that it is right."
    first, *rest = ask.labels
    shares = [f"{first}: 0.7", *(f"{label}: {0.3 / len(rest):.2g}" for label in rest)]
    return f"“Answer: {', '.join(shares)}”, with your own probabilities, which sum to 1."


def _short_answers(ask: Ask) -> str:
    return " or ".join(ask.labels) if isinstance(ask, Case) else "Yes or No"
