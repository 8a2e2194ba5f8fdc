"""Playing episodes: one queue for everything that is asked, what turns it, many episodes at once, their files."""

from oversight_envs.play.drive import drive
from oversight_envs.play.estimate import estimate
from oversight_envs.play.queue import Batch, Queue
from oversight_envs.play.ray import RayEngine
from oversight_envs.play.rejudge import rejudge
from oversight_envs.play.replay import ReplayAgent
from oversight_envs.play.rollout import rollout
from oversight_envs.play.store import EpisodeStore, StoreError, failed_path, read_episodes
from oversight_envs.play.tournament import Pairing, tournament

__all__ = [
    "Batch",
    "EpisodeStore",
    "Pairing",
    "Queue",
    "RayEngine",
    "ReplayAgent",
    "StoreError",
    "drive",
    "estimate",
    "failed_path",
    "read_episodes",
    "rejudge",
    "rollout",
    "tournament",
]
