"""Protocols as PettingZoo and Gymnasium environments."""

from oversight_envs.env.aec import OversightEnv
from oversight_envs.env.modules import EntryPoints, entry_points
from oversight_envs.env.single_agent import SingleAgentEnv
from oversight_envs.env.spaces import TextObservation, Unicode

__all__ = ["EntryPoints", "OversightEnv", "SingleAgentEnv", "TextObservation", "Unicode", "entry_points"]
