"""Many episodes at once, and where they are kept."""

from oversight_envs.play.rollout import rollout
from oversight_envs.play.store import EpisodeStore, StoreError, read_episodes

__all__ = ["EpisodeStore", "StoreError", "read_episodes", "rollout"]
