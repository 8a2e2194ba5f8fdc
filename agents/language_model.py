"""A language model that speaks: debater, consultant, prover."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from oversight_envs.core.checks import at_least
from oversight_envs.core.requests import Turn
from oversight_envs.core.speech import Speech
from oversight_envs.models import Completion, Engine, Generation
from oversight_envs.models.loading import load_engine
from oversight_envs.models.requests import check_sampling
from oversight_envs.models.thinking import think_and_speak


class LanguageModelAgent:
    """Speaks by sampling from a language model. Every turn has its own random stream, ``turn.seed``.

    Args:
        lm: a model, or the name of one (``"smollm2-135m"``, a hub id, a folder, a .gguf file, ``"vllm:MODEL"``,
            ``"llama:FILE.gguf"``).
        max_new_tokens: the longest speech, in tokens.
        temperature: 0 takes the most probable token.
        top_p: keeps the smallest set of tokens that has this probability; 1 keeps all.
        max_thinking_tokens: for a model that thinks before it speaks, how many tokens it may think, beside those of the
            speech. What is not closed by then is closed for it. 0: thinking is part of ``max_new_tokens``.

    A speech carries the ids that were drawn, the end token included, and their log-probabilities, if the engine gives
    these. Without its end token the decoding of the ids is the speech's text: nothing is stripped. (Where the chat
    template opened a thinking block the text begins with that, and where thinking was closed for the model the speech
    carries no ids.)
    """

    def __init__(
        self,
        lm: Engine | str,
        *,
        max_new_tokens: int = 256,
        temperature: float = 1.0,
        top_p: float = 1.0,
        max_thinking_tokens: int = 1024,
    ) -> None:
        check_sampling(max_new_tokens, temperature, top_p)
        at_least("max_thinking_tokens", max_thinking_tokens, 0)
        self.lm: Engine = load_engine(lm) if isinstance(lm, str) else lm
        self.max_new_tokens, self.temperature, self.top_p = max_new_tokens, temperature, top_p
        self.max_thinking_tokens = max_thinking_tokens

    def speak(self, turns: Sequence[Turn]) -> list[Speech]:
        """One speech for each turn, in order. ``info["finished"]`` is False where the token limit cut it off.

        Raises PromptTooLong if a prompt and the speech don't fit the model's context.
        """
        requests = [Generation(t.prompt, t.seed, self.max_new_tokens, self.temperature, self.top_p) for t in turns]
        if self.lm.thinks and self.max_thinking_tokens:
            completions: list[Completion] = think_and_speak(self.lm, requests, self.max_thinking_tokens)
        else:
            completions = self.lm.generate(requests)
        return [Speech(c.text, c.token_ids, c.log_probs, {"finished": c.finished}) for c in completions]

    @property
    def description(self) -> dict[str, Any]:
        described = {
            "type": "LanguageModelAgent",
            "lm": self.lm.description,
            "max_new_tokens": self.max_new_tokens,
            "temperature": self.temperature,
            "top_p": self.top_p,
        }
        return described | ({"max_thinking_tokens": self.max_thinking_tokens} if self.lm.thinks else {})
