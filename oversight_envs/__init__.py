"""Games in which strong models argue and a weaker judge decides, as PettingZoo and Gymnasium environments.

Importing this registers the environments (``pettingzoo.make("aec", "oversight/debate-v0")``) and loads no model, no
torch, no data. ``rollout("debate", "passages", {...})`` plays many episodes at once. Models are in
``oversight_envs.models``, players in ``oversight_envs.agents`` and ``oversight_envs.judges``.
"""

from __future__ import annotations

from importlib.metadata import version

import gymnasium
import pettingzoo

from oversight_envs.core.episode import Entry, Episode, LookAhead, ReplayError
from oversight_envs.core.players import Consult, PlayerError
from oversight_envs.core.prompt import Message, Prompt, quote_lines, render_prompt
from oversight_envs.core.protocol import Outcome, Protocol, Truncated
from oversight_envs.core.question import Question, Task
from oversight_envs.core.record import Record
from oversight_envs.core.requests import (
    Assignment,
    Case,
    Decide,
    Decision,
    Role,
    Say,
    Score,
    Scored,
    Solution,
    Turn,
    View,
)
from oversight_envs.core.speech import SpeakingRules, Speech, Statement
from oversight_envs.core.verdict import Mark, Verdict
from oversight_envs.play import read_episodes, rejudge, rollout

__all__ = [
    "Assignment",
    "Case",
    "Consult",
    "Decide",
    "Decision",
    "Entry",
    "Episode",
    "LookAhead",
    "Mark",
    "Message",
    "Outcome",
    "PlayerError",
    "Prompt",
    "Protocol",
    "Question",
    "Record",
    "ReplayError",
    "Role",
    "Say",
    "Score",
    "Scored",
    "Solution",
    "SpeakingRules",
    "Speech",
    "Statement",
    "Task",
    "Truncated",
    "Turn",
    "Verdict",
    "View",
    "__version__",
    "quote_lines",
    "read_episodes",
    "rejudge",
    "render_prompt",
    "rollout",
]

__version__ = version("oversight-envs")

ENVIRONMENTS = (
    "debate",
    "consultancy",
    "prover_verifier",
    "critique",
    "proposer_critic",
    "recursive_debate",
    "interactive_proof",
    "market_making",
    "direct",
)
"""Environments of this package: ``NAME`` is module ``oversight_envs.NAME_v0`` and id ``oversight/NAME-v0``."""

PARALLEL = ("debate", "prover_verifier")
"""Those that have a parallel form: several players speak at once, where judges are filled from inside."""


def _register() -> None:
    for name in ENVIRONMENTS:
        env_id = f"oversight/{name.replace('_', '-')}-v0"
        if env_id not in pettingzoo.aec_registry:
            pettingzoo.register("aec", env_id, f"oversight_envs.{name}_v0:env")
        if name in PARALLEL and env_id not in pettingzoo.parallel_registry:
            pettingzoo.register("parallel", env_id, f"oversight_envs.{name}_v0:parallel_env")
        if env_id not in gymnasium.registry:
            gymnasium.register(env_id, f"oversight_envs.{name}_v0:gym_env", disable_env_checker=True)


_register()
