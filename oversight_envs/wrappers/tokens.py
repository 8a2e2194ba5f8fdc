"""Writing a speech token by token: one step of the environment is one token of a language model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary

from oversight_envs.core.checks import at_least
from oversight_envs.core.prompt import clean_text
from oversight_envs.core.speech import Speech
from oversight_envs.models import LanguageModel, PromptTooLong, load
from oversight_envs.training.policy import trainable
from oversight_envs.wrappers.bridge import Bridge, Observation


class TokensEnv(Bridge):
    """The learner writes its speeches token by token; a speech is spoken when its end token or the limit is reached.

    Observation: ``tokens`` [length], int64: the prompt's ids and what was written since, then padding (0); ``mask``
    [length], int8: 1 for tokens, 0 for padding. Action: the id of the next token. Ids become text as they do in the
    engine, so the game hears what ``LanguageModelAgent`` would have said with the same ids.

    Args:
        env: see ``Bridge``.
        lm: the model whose tokenizer and chat template are used, or the name of one. Its weights are not.
        length: the size of the observation: prompt and speech must fit.
        max_new_tokens: the longest speech, in tokens; the end token counts.

    Raises ValueError for a length that the model can't read; ``reset`` and ``step`` raise PromptTooLong, a ValueError,
    for a prompt that leaves no room for a speech.
    """

    def __init__(self, env: Any, lm: LanguageModel | str, *, length: int = 256, max_new_tokens: int = 64) -> None:
        super().__init__(env)
        at_least("max_new_tokens", max_new_tokens, 1)
        at_least("length", length, max_new_tokens + 1)
        self.lm: LanguageModel = load(lm) if isinstance(lm, str) else trainable(lm)
        if length > self.lm.context_length:
            raise ValueError(f"length={length}: model {self.lm.name!r} can read {self.lm.context_length} tokens")
        self.length, self.max_new_tokens = length, max_new_tokens
        vocabulary = len(self.lm.tokenizer)
        self.action_space = Discrete(vocabulary)
        self.observation_space = Dict(
            {"tokens": Box(0, vocabulary - 1, (length,), np.int64), "mask": MultiBinary(length)}
        )
        self._ids: list[int] = []
        self._prompt_length = 0

    def observation(self) -> Observation:
        tokens, mask = np.zeros(self.length, dtype=np.int64), np.zeros(self.length, dtype=np.int8)
        tokens[: len(self._ids)] = self._ids
        mask[: len(self._ids)] = 1
        return {"tokens": tokens, "mask": mask}

    def act(self, action: int) -> Speech | None:
        self._ids.append(action)
        written = tuple(self._ids[self._prompt_length :])
        if action not in self.lm.chat.end_ids and len(written) < self.max_new_tokens:
            return None
        text = clean_text(self.lm.written(self.ask.prompt, written))
        return Speech(text, written, info={"finished": action in self.lm.chat.end_ids})

    @classmethod
    def open_turns(cls, bridges: Sequence[TokensEnv]) -> None:
        for bridge in bridges:
            ids = bridge.lm.encode(bridge.ask.prompt)
            if len(ids) + bridge.max_new_tokens > bridge.length:
                raise PromptTooLong(
                    f"length={bridge.length}: a prompt of {len(ids)} tokens and {bridge.max_new_tokens} new ones don't "
                    "fit; give a larger length, or choose a game with shorter prompts"
                )
            bridge._ids, bridge._prompt_length = ids, len(ids)
