"""Choosing among proposed speeches: what a learner with fixed-size observations and a few discrete actions can do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary

from oversight_envs.agents.scripted import ScriptedAgent
from oversight_envs.core.checks import at_least
from oversight_envs.core.players import answer_asks
from oversight_envs.core.prompt import render_prompt
from oversight_envs.core.requests import Speaker, Turn, as_turn
from oversight_envs.core.speech import Speech
from oversight_envs.wrappers.bridge import Bridge, Observation
from oversight_envs.wrappers.encoders import HashingEncoder, TextEncoder, check_encoder, encode_checked


class CandidatesEnv(Bridge):
    """The learner chooses one of ``n`` proposed speeches in each of its turns.

    Observation: ``prompt`` [dimension] and ``candidates`` [n * dimension], float32 embeddings (one candidate after
    the other, in one row because that is what SB3 expects), and ``mask`` [n], int8.
    Action: the number of the candidate that is spoken. The candidates as texts are in ``info["candidates"]``.

    The mask is 1 for the first of equal candidates and 0 for its repetitions and for empty ones (if all are empty, the
    first is allowed). A masked candidate may be chosen all the same, and is what is spoken: of equal ones the same
    words, of an empty one nothing. ``action_masks()`` is the mask as sb3-contrib's MaskablePPO asks for it.

    Args:
        env: see ``Bridge``.
        proposer: whoever fills such a role elsewhere (``LanguageModelAgent``), asked once a turn for ``n`` draws in one
            call; or a fixed list of texts. A judge learns with a list of decisions: ``["A", "B"]``.
        n: how many candidates; 8 by default, or the length of the list.
        encoder: the embeddings; ``HashingEncoder()`` by default.

    Bridges in one vector should share proposer and encoder: each is then called once for all of them.
    Raises ValueError for n below 2, for texts that are equal or empty, and for an encoder of the wrong size.
    """

    def __init__(
        self,
        env: Any,
        proposer: Speaker | Sequence[str],
        *,
        n: int | None = None,
        encoder: TextEncoder | None = None,
    ) -> None:
        super().__init__(env)
        self.proposer, self.n = _proposer(proposer, n)
        self.encoder = _DEFAULT_ENCODER if encoder is None else encoder
        check_encoder(self.encoder)
        size = self.encoder.dimension
        self.action_space = Discrete(self.n)
        self.observation_space = Dict(
            {
                "prompt": Box(-np.inf, np.inf, (size,), np.float32),
                "candidates": Box(-np.inf, np.inf, (self.n * size,), np.float32),
                "mask": MultiBinary(self.n),
            }
        )
        self.candidates: tuple[Speech, ...] = ()
        self._observation: Observation = {}

    def observation(self) -> Observation:
        return {key: value.copy() for key, value in self._observation.items()}

    def info(self) -> dict[str, Any]:
        return {"candidates": tuple(speech.text for speech in self.candidates)}

    def action_masks(self) -> np.ndarray:
        """Which actions are worth choosing, bool [n]."""
        return self._observation["mask"].astype(bool)

    def act(self, action: int) -> Speech:
        return self.candidates[action]

    @classmethod
    def open_turns(cls, bridges: Sequence[CandidatesEnv]) -> None:
        for group in _grouped(bridges, "proposer"):
            turns = [turn for bridge in group for turn in bridge._turns()]
            drawn = [speech for speech in answer_asks(group[0].proposer, turns) if isinstance(speech, Speech)]
            for bridge in group:
                bridge.candidates, drawn = tuple(drawn[: bridge.n]), drawn[bridge.n :]
        for group in _grouped(bridges, "encoder"):
            texts = [text for bridge in group for text in bridge._texts()]
            # equal texts have equal vectors, and a model's speeches repeat a lot
            places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
            vectors = encode_checked(group[0].encoder, list(places))[[places[text] for text in texts]]
            for bridge in group:
                bridge._take(vectors[: bridge.n + 1])
                vectors = vectors[bridge.n + 1 :]

    def _turns(self) -> list[Turn]:
        ask = self.ask
        first = ask.draw * self.n  # a judge that is asked again gets new proposals
        return [as_turn(ask, draw=first + k) for k in range(self.n)]

    def _texts(self) -> list[str]:
        return [render_prompt(self.ask.prompt), *(speech.text for speech in self.candidates)]

    def _take(self, vectors: np.ndarray) -> None:
        texts = [speech.text for speech in self.candidates]
        mask = np.array([bool(text.strip()) and text not in texts[:k] for k, text in enumerate(texts)], dtype=np.int8)
        mask[0] |= not mask.any()
        self._observation = {"prompt": vectors[0], "candidates": vectors[1:].reshape(-1), "mask": mask}


_DEFAULT_ENCODER = HashingEncoder()  # one for all, so that a vector encodes in one call


def _proposer(proposer: Speaker | Sequence[str], n: int | None) -> tuple[Any, int]:
    if callable(getattr(proposer, "speak", None)) and not isinstance(proposer, type):
        n = 8 if n is None else n
    elif isinstance(proposer, Sequence) and not isinstance(proposer, str) and all(isinstance(t, str) for t in proposer):
        texts = tuple(proposer)
        if n not in (None, len(texts)):
            raise ValueError(f"n={n}: {len(texts)} texts were given; leave n out")
        if len(set(texts)) < len(texts) or not all(text.strip() for text in texts):
            raise ValueError(f"proposer={list(texts)!r:.200}: give different texts, none of them empty")
        proposer, n = ScriptedAgent(lambda turn: texts[turn.draw % len(texts)]), len(texts)
    else:
        raise TypeError(f"proposer={proposer!r:.200}: give an agent with speak(turns), or a list of texts")
    at_least("n", n, 2)
    return proposer, n


def _grouped(bridges: Sequence[CandidatesEnv], part: str) -> list[list[CandidatesEnv]]:
    """The bridges by which object is their ``part``: each object is called once."""
    groups: dict[int, list[CandidatesEnv]] = {}
    for bridge in bridges:
        groups.setdefault(id(getattr(bridge, part)), []).append(bridge)
    return list(groups.values())
