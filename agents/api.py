"""A model behind a server that speaks: debater, consultant, prover, or a judge's own words."""

from __future__ import annotations

from typing import Any, ClassVar

from oversight_envs.core.players import PlayerError
from oversight_envs.core.requests import Ask, Duty, Turn
from oversight_envs.core.speech import Speech
from oversight_envs.core.usage import Answer, Spent
from oversight_envs.models.api import ApiModel
from oversight_envs.models.requests import check_sampling


class ApiAgent:
    """Speaks by sampling from a model behind a server, which is given each turn's own seed (and may ignore it).

    Args:
        lm: a model, or the spec of one (``"openai:MODEL@http://host:port/v1"``).
        max_new_tokens: the longest speech, in tokens; a thinking model's thoughts count.
        temperature, top_p: as the server has them.

    ``info`` says whether a speech is ``finished``; it has the ``reasoning`` that a thinking model wrote beside it, and
    ``refused`` where the speech is a refusal. An empty speech stays empty.
    """

    does: ClassVar[frozenset[Duty]] = frozenset({"say"})

    def __init__(
        self, lm: ApiModel | str, *, max_new_tokens: int = 256, temperature: float = 1.0, top_p: float = 1.0
    ) -> None:
        check_sampling(max_new_tokens, temperature, top_p)
        self.lm = ApiModel(lm) if isinstance(lm, str) else lm
        self.max_new_tokens, self.temperature, self.top_p = max_new_tokens, temperature, top_p

    async def answer(self, ask: Ask) -> Answer:
        """Raises PromptTooLong, and PlayerError where the server gives no answer: see ``ApiModel.chat``."""
        if not isinstance(ask, Turn):
            raise PlayerError(f"{self.lm.name} was given to speak, and {ask.role} is to {ask.duty}")
        said, spent = await self.lm.chat(
            ask.prompt,
            seed=ask.seed,
            max_new_tokens=self.max_new_tokens,
            temperature=self.temperature,
            top_p=self.top_p,
        )
        info: dict[str, Any] = {"finished": said.finish != "length"}
        info |= {"reasoning": said.reasoning} if said.reasoning else {}
        info |= {"refused": True} if said.refused else {}
        return Answer(Speech(said.text, info=info), spent)

    def expects(self, ask: Ask) -> Spent:
        """About what an answer takes: for a dry run."""
        return self.lm.expects(ask.prompt, self.max_new_tokens)

    @property
    def description(self) -> dict[str, Any]:
        return {
            "type": "ApiAgent",
            "lm": self.lm.description,
            "max_new_tokens": self.max_new_tokens,
            "temperature": self.temperature,
            "top_p": self.top_p,
        }
