"""A Stable-Baselines3 policy that scores every candidate with one network, for ``CandidatesEnv``."""

from __future__ import annotations

from typing import Any

import torch
from stable_baselines3.common.distributions import Distribution
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from torch import Tensor, nn

from oversight_envs.core.checks import at_least


class CandidatesPolicy(ActorCriticPolicy):
    """One scorer for all candidates: what it learns of one place holds for all, and their order doesn't matter.

    SB3's ``MultiInputPolicy`` concatenates all embeddings, and would have to learn the same for each of N places. Here
    a candidate c with prompt p is scored from [c, p * c] (their product says what they share) by a perceptron with one
    hidden layer; candidates that are masked are never chosen. The state's value is the candidates' mean value under
    the policy, from a second output of the same network.

        PPO(CandidatesPolicy, env, policy_kwargs={"hidden": 64})

    Args:
        hidden: the width of the hidden layer.

    The rest is SB3's.
    """

    def __init__(self, *args: Any, hidden: int = 64, **options: Any) -> None:
        at_least("hidden", hidden, 1)
        self._width = int(hidden)
        super().__init__(*args, **options)

    def _build(self, lr_schedule: Schedule) -> None:
        size = self.observation_space["prompt"].shape[0]  # type: ignore[index]
        scores = nn.Linear(self._width, 2)
        nn.init.zeros_(scores.weight)  # starts with random choice
        nn.init.zeros_(scores.bias)
        self.scorer = nn.Sequential(nn.Linear(2 * size, self._width), nn.Tanh(), scores)
        self.optimizer = self.optimizer_class(self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs)  # type: ignore[call-arg]

    def forward(self, obs: PyTorchObs, deterministic: bool = False) -> tuple[Tensor, Tensor, Tensor]:
        """Choices [rows], values [rows, 1] and the choices' log-probabilities [rows]."""
        distribution, values = self._score(obs)
        actions = distribution.get_actions(deterministic=deterministic)
        return actions, values, distribution.log_prob(actions)

    def evaluate_actions(self, obs: PyTorchObs, actions: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Values [rows, 1], log-probabilities [rows] and entropies [rows]."""
        distribution, values = self._score(obs)
        return values, distribution.log_prob(actions), distribution.entropy()

    def get_distribution(self, obs: PyTorchObs) -> Distribution:
        return self._score(obs)[0]

    def predict_values(self, obs: PyTorchObs) -> Tensor:
        return self._score(obs)[1]

    def _score(self, obs: PyTorchObs) -> tuple[Distribution, Tensor]:
        assert isinstance(obs, dict)
        prompt = obs["prompt"][:, None]
        candidates = obs["candidates"].reshape(len(prompt), -1, prompt.shape[-1])
        scores, values = self.scorer(torch.cat([candidates, prompt * candidates], dim=-1)).unbind(dim=-1)
        scores = scores.masked_fill(obs["mask"] == 0, -1e9)
        weights = scores.softmax(dim=-1).detach()
        return self.action_dist.proba_distribution(action_logits=scores), (weights * values).sum(dim=-1, keepdim=True)

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return super()._get_constructor_parameters() | {"hidden": self._width}
