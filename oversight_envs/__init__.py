"""Games in which strong models argue and a weaker judge decides, as PettingZoo and Gymnasium environments.

Importing this registers the environments (``pettingzoo.make("aec", "oversight/debate-v0")``) and loads no model, no
torch, no data. Models are in ``oversight_envs.models``, players in ``oversight_envs.agents`` and
``oversight_envs.judges``, many episodes at once in ``oversight_envs.play``.
"""

from __future__ import annotations

from importlib.metadata import version

import gymnasium
import pettingzoo

from oversight_envs.core.episode import Episode, ReplayError
from oversight_envs.core.players import Case, PlayerError, Solution, Turn
from oversight_envs.core.prompt import Message, Prompt, render_prompt
from oversight_envs.core.protocol import Decide, Decision, Outcome, Protocol, Say, Score, Speech, Verdict, View
from oversight_envs.core.question import Question, Task
from oversight_envs.core.record import Record

__all__ = [
    "Case",
    "Decide",
    "Decision",
    "Episode",
    "Message",
    "Outcome",
    "PlayerError",
    "Prompt",
    "Protocol",
    "Question",
    "Record",
    "ReplayError",
    "Say",
    "Score",
    "Solution",
    "Speech",
    "Task",
    "Turn",
    "Verdict",
    "View",
    "__version__",
    "render_prompt",
]

__version__ = version("oversight-envs")

ENVIRONMENTS = ("debate", "consultancy", "prover_verifier", "direct")
"""Environments of this package: ``NAME`` is module ``oversight_envs.NAME_v0`` and id ``oversight/NAME-v0``."""


def _register() -> None:
    for name in ENVIRONMENTS:
        env_id = f"oversight/{name.replace('_', '-')}-v0"
        if env_id not in pettingzoo.aec_registry:
            pettingzoo.register("aec", env_id, f"oversight_envs.{name}_v0:env")
        if env_id not in gymnasium.registry:
            gymnasium.register(env_id, f"oversight_envs.{name}_v0:gym_env", disable_env_checker=True)


_register()
