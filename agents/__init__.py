"""Players to plug in: language models here or behind a server, best-of-N, scripted, human, replay, a judge that asks.

An agent is anything with ``speak(turns) -> speeches``: a batch of turns in, a batch of speeches out. A plain
``str -> str`` function works wherever an agent does, and so does a name: ``"smollm2-135m"``, ``"human"``,
``"scripted:TEXT"`` (see ``specs.py``). The other shapes of players are in ``oversight_envs.core.players``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oversight_envs._lazy import lazy_attributes
from oversight_envs.agents.best_of_n import BestOfNAgent
from oversight_envs.agents.cached import CachedPlayer
from oversight_envs.agents.checkers import PlaceboChecker, StoryChecker
from oversight_envs.agents.human import HumanAgent
from oversight_envs.agents.scripted import ScriptedAgent
from oversight_envs.agents.speaking_judge import SpeakingJudge
from oversight_envs.agents.specs import make_player
from oversight_envs.core.requests import Speaker as Agent
from oversight_envs.play.replay import ReplayAgent

if TYPE_CHECKING:
    from oversight_envs.agents.api import ApiAgent
    from oversight_envs.agents.language_model import LanguageModelAgent

__all__ = [
    "Agent",
    "ApiAgent",
    "BestOfNAgent",
    "CachedPlayer",
    "HumanAgent",
    "LanguageModelAgent",
    "PlaceboChecker",
    "ReplayAgent",
    "ScriptedAgent",
    "SpeakingJudge",
    "StoryChecker",
    "make_player",
]

__getattr__: Any = lazy_attributes(
    __name__,
    {"ApiAgent": "oversight_envs.agents.api", "LanguageModelAgent": "oversight_envs.agents.language_model"},
)
