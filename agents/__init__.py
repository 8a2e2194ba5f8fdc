"""Players to plug in: language model, best-of-N, scripted, human, replay.

An agent is anything with ``speak(turns) -> speeches``: a batch of turns in, a batch of speeches out. A plain
``str -> str`` function works wherever an agent does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oversight_envs._lazy import lazy_attributes
from oversight_envs.agents.best_of_n import BestOfNAgent
from oversight_envs.agents.human import HumanAgent
from oversight_envs.agents.replay import ReplayAgent
from oversight_envs.agents.scripted import ScriptedAgent
from oversight_envs.core.players import Speaker as Agent

if TYPE_CHECKING:
    from oversight_envs.agents.language_model import LanguageModelAgent

__all__ = ["Agent", "BestOfNAgent", "HumanAgent", "LanguageModelAgent", "ReplayAgent", "ScriptedAgent"]

__getattr__: Any = lazy_attributes(__name__, {"LanguageModelAgent": "oversight_envs.agents.language_model"})
