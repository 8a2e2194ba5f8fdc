"""A causal language model as a Stable-Baselines3 policy, for ``TokensEnv``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.distributions import Distribution
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from torch import Tensor, nn

from oversight_envs.core.checks import positive
from oversight_envs.models import LanguageModel, load
from oversight_envs.models.hf.forward import Reader
from oversight_envs.training.optimiser import keep_in_float32
from oversight_envs.training.policy import output_inputs, output_layer
from oversight_envs.wrappers.incremental_cache import IncrementalCache

_CRITIC_SPEED = 30.0
"""How much faster the critic learns than the actor: Adam moves every weight by the learning rate, and SB3 has but one.

At the low rates that a language model needs, a critic that starts at 0 would stay there for long; unfinished speeches,
which are worth what the critic says, then look better or worse than finished ones.
"""


class CausalLMPolicy(ActorCriticPolicy):
    """Actor: the model's distribution of the next token. Critic: a linear head on the state behind it.

    For tiny and small models: SB3 treats every token as a step of its own, so an update reads the whole prompt again
    for each token, and there is no penalty for moving away from the initial model (use a low learning rate and
    ``target_kl``). For larger models there is ``oversight_envs.training.PPO``.

        PPO(CausalLMPolicy, env, gamma=1.0, gae_lambda=1.0, policy_kwargs={"lm": "tiny-arithmetic-prover"})

    All weights start as they are (SB3 initialises none of them), the value head at 0. Dropout is off in training too,
    and ids stay whole numbers. While collecting, a key-value cache makes a step cost one token. ``policy.lm`` is the
    model as a ``LanguageModel``: ``LanguageModelAgent(model.policy.lm)`` plays what was learned, and
    ``model.policy.lm.model.save_pretrained(folder)`` saves it for other uses.

    Args:
        lm: the name of a model, or a function that makes one: SB3 keeps these arguments in its saved files and builds
            the policy anew from them, before it loads the weights.
        temperature: of the distribution that is sampled, learned and evaluated. ``predict(deterministic=True)``, the
            default of SB3's ``evaluate_policy``, takes the most probable token.
        cache: False for a model without a key-value cache.

    The rest is SB3's. Raises TypeError for a model in place of a function, and ValueError for an observation or action
    space that isn't that of a ``TokensEnv`` with this model's tokenizer.
    """

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        lr_schedule: Schedule,
        *,
        lm: str | Callable[[], LanguageModel],
        temperature: float = 1.0,
        cache: bool = True,
        use_sde: bool = False,
        optimizer_class: type[torch.optim.Optimizer] = torch.optim.Adam,
        optimizer_kwargs: dict[str, Any] | None = None,
    ) -> None:
        positive("temperature", temperature)
        if not (isinstance(lm, str) or callable(lm)):
            raise TypeError(f"lm={lm!r:.200}: give the name of a model, or a function that makes one")
        if use_sde:
            raise ValueError("use_sde=True: state-dependent exploration is for continuous actions")
        self._make_lm, self.temperature, self._cache = lm, temperature, cache
        super().__init__(
            observation_space,
            action_space,
            lr_schedule,
            optimizer_class=optimizer_class,
            optimizer_kwargs=optimizer_kwargs,
        )

    def _build(self, lr_schedule: Schedule) -> None:
        lm = load(self._make_lm).copy() if isinstance(self._make_lm, str) else self._make_lm()
        length = _length(self.observation_space, self.action_space, lm)
        self.lm = lm
        self.model: nn.Module = lm.model
        output = output_layer(lm.model)
        self.value_net = nn.Linear(output.weight.shape[-1], 1, device=output.weight.device)
        nn.init.zeros_(self.value_net.weight)
        nn.init.zeros_(self.value_net.bias)
        keep_in_float32(dict(self.named_parameters()))
        self._whole = Reader(lm.model, prefix_tokens=0, cache=False)
        self._incremental = IncrementalCache(lm.model, length) if self._cache else None
        self.optimizer = self.optimizer_class(self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs)  # type: ignore[call-arg]

    def train(self, mode: bool = True) -> CausalLMPolicy:
        super().train(mode)
        self.model.eval()  # what is learned from must be what was sampled from: no dropout
        return self

    def forward(self, obs: PyTorchObs, deterministic: bool = False) -> tuple[Tensor, Tensor, Tensor]:
        """Next tokens [rows], values [rows, 1] and the tokens' log-probabilities [rows]."""
        distribution, values = self._read(obs)
        actions = distribution.get_actions(deterministic=deterministic)
        return actions, values, distribution.log_prob(actions)

    def evaluate_actions(self, obs: PyTorchObs, actions: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Values [rows, 1], log-probabilities [rows] and entropies [rows], with gradients."""
        distribution, values = self._read(obs)
        return values, distribution.log_prob(actions), distribution.entropy()

    def get_distribution(self, obs: PyTorchObs) -> Distribution:
        return self._read(obs)[0]

    def predict_values(self, obs: PyTorchObs) -> Tensor:
        return self._read(obs)[1]

    def _read(self, obs: PyTorchObs) -> tuple[Distribution, Tensor]:
        assert isinstance(obs, dict)
        lengths = obs["mask"].long().sum(dim=-1).tolist()
        rows = [row[:length] for row, length in zip(obs["tokens"].tolist(), lengths, strict=True)]
        if self._incremental is not None and not torch.is_grad_enabled():
            logits, hidden = self._incremental.read(rows)
        else:
            with output_inputs(self.model) as inputs:
                logits = self._whole.read([tuple(row) for row in rows], [0] * len(rows), 0).logits
            hidden = inputs[-1][:, -1]
        # some models have more outputs than their tokenizer has tokens
        logits = logits[:, : self.action_space.n].float() / self.temperature  # type: ignore[attr-defined]
        # detached: the critic's errors, large at first, would otherwise pull the language model about
        values = _CRITIC_SPEED * self.value_net(hidden.detach().float())
        return self.action_dist.proba_distribution(action_logits=logits), values

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return {
            "observation_space": self.observation_space,
            "action_space": self.action_space,
            "lr_schedule": self._dummy_schedule,
            "lm": self._make_lm,
            "temperature": self.temperature,
            "cache": self._cache,
            "optimizer_class": self.optimizer_class,
            "optimizer_kwargs": self.optimizer_kwargs,
        }


def _length(observation_space: spaces.Space[Any], action_space: spaces.Space[Any], lm: LanguageModel) -> int:
    """The size of the observations; raises ValueError where the spaces don't fit the model."""
    if not (isinstance(observation_space, spaces.Dict) and {"tokens", "mask"} <= set(observation_space.spaces)):
        raise ValueError(f"observation_space={observation_space}: CausalLMPolicy needs that of a TokensEnv")
    vocabulary, outputs = len(lm.tokenizer), output_layer(lm.model).weight.shape[0]
    if not isinstance(action_space, spaces.Discrete) or action_space.n != vocabulary or vocabulary > outputs:
        raise ValueError(
            f"action_space={action_space}: model {lm.name!r} has a tokenizer of {vocabulary} tokens and {outputs} "
            "outputs; build TokensEnv and CausalLMPolicy with the same model"
        )
    length: int = observation_space["tokens"].shape[0]  # type: ignore[index]
    if length > lm.context_length:
        raise ValueError(f"length={length} of the TokensEnv: model {lm.name!r} can read {lm.context_length} tokens")
    return length
