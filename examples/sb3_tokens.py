"""A prover that writes its solutions token by token learns, with Stable-Baselines3, to solve arithmetic.

    python examples/sb3_tokens.py --out runs/sb3_tokens --seed 0

It starts from the warm-started tiny model; its reward is 1 for a right final answer, else 0.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env

from oversight_envs import prover_verifier_v0
from oversight_envs.agents import LanguageModelAgent
from oversight_envs.evaluation.statistics import mean, paired_difference
from oversight_envs.judges import CallableJudge
from oversight_envs.play import rollout
from oversight_envs.protocols import ProverVerifier
from oversight_envs.tasks import make_task
from oversight_envs.wrappers import BatchedVecEnv, CausalLMPolicy, TokensEnv

parser = argparse.ArgumentParser()
parser.add_argument("--out", type=Path, required=True)
parser.add_argument("--seed", type=int, default=0)
arguments = parser.parse_args()
torch.set_num_threads(1)  # the model is so small that threads only wait for each other

lm, game = "tiny-arithmetic-prover", {"provers": "helpful", "wording": "tiny_prover_verifier"}
players = {"verifier_0": CallableJudge(scores=lambda solution: 0.0)}  # the reward asks for correctness alone
learning, held_out = (make_task("arithmetic", style="chain", split=split) for split in ("train", "test"))
one = lambda: prover_verifier_v0.gym_env(task=learning, players=players, reward="correctness", **game)  # noqa: E731


def evaluate(policy):
    agents = players | {"helpful_0": LanguageModelAgent(policy.lm, max_new_tokens=48)}
    records = rollout(ProverVerifier(**game), held_out, agents, questions=500, reward="correctness", concurrency=500)
    return [(record.question.id, record.rewards["helpful_0"]) for record in records]


make = lambda: TokensEnv(one(), lm, length=96, max_new_tokens=48)  # noqa: E731
env = make_vec_env(make, 64, arguments.seed, vec_env_cls=BatchedVecEnv)
model = PPO(CausalLMPolicy, env, learning_rate=1e-4, n_steps=64, batch_size=512, n_epochs=2, gamma=1.0, gae_lambda=1.0,
            target_kl=0.05, seed=arguments.seed, policy_kwargs={"lm": lm})  # fmt: skip
curve = {0: evaluate(model.policy)}
while model.num_timesteps < 81_920:
    model.learn(8_192, reset_num_timesteps=False)
    curve[model.num_timesteps] = evaluate(model.policy)

before, *_, after = curve.values()
for name, values in {"before": before, "after": after}.items():
    print(f"{name:16} {mean(values).text()}")
print(f"after - before   {paired_difference(after, before).text('signed')}")
plt.plot(list(curve), [mean(values).value for values in curve.values()])
plt.gca().set(xlabel="tokens", ylabel="held-out reward", title="share of solutions with the right final answer")
arguments.out.mkdir(parents=True, exist_ok=True)
plt.savefig(arguments.out / "curve.png", dpi=80)
