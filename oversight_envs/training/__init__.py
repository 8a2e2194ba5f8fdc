"""Training: text policies by PPO and its critic-free kin, judges and verifiers from finished episodes.

Everything here works on records, whoever made them; random draws are derived from seeds, checkpoints are whole or not
there. The classes need torch and are imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oversight_envs._lazy import lazy_attributes

if TYPE_CHECKING:
    from oversight_envs.training.checkpoint import CheckpointError, Checkpoints
    from oversight_envs.training.judges import JudgeConfig, JudgeTrainer, judge_examples
    from oversight_envs.training.logs import MetricsLog, read_metrics
    from oversight_envs.training.lora import add_lora
    from oversight_envs.training.optimiser import DivergenceError, OutOfMemoryError
    from oversight_envs.training.policy import TextPolicy
    from oversight_envs.training.ppo import PPO, PPOConfig
    from oversight_envs.training.samples import collect
    from oversight_envs.training.verifiers import LabelledSolution, VerifierConfig, VerifierTrainer, balanced_pairs

__all__ = [
    "PPO",
    "CheckpointError",
    "Checkpoints",
    "DivergenceError",
    "JudgeConfig",
    "JudgeTrainer",
    "LabelledSolution",
    "MetricsLog",
    "OutOfMemoryError",
    "PPOConfig",
    "TextPolicy",
    "VerifierConfig",
    "VerifierTrainer",
    "add_lora",
    "balanced_pairs",
    "collect",
    "judge_examples",
    "read_metrics",
]

__getattr__: Any = lazy_attributes(
    __name__,
    {
        name: f"oversight_envs.training.{module}"
        for module, names in {
            "checkpoint": ("CheckpointError", "Checkpoints"),
            "judges": ("JudgeConfig", "JudgeTrainer", "judge_examples"),
            "logs": ("MetricsLog", "read_metrics"),
            "lora": ("add_lora",),
            "optimiser": ("OutOfMemoryError", "DivergenceError"),
            "policy": ("TextPolicy",),
            "ppo": ("PPO", "PPOConfig"),
            "samples": ("collect",),
            "verifiers": ("LabelledSolution", "VerifierConfig", "VerifierTrainer", "balanced_pairs"),
        }.items()
        for name in names
    },
)
