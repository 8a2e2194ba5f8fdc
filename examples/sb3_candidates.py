"""A debater that chooses among 8 speeches learns, with Stable-Baselines3, to choose what the judge believes.

    python examples/sb3_candidates.py --out runs/sb3_candidates --seed 0

All 8 are drawn from one model. Measured on held-out questions, on which each of the 8 is tried.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env

from oversight_envs import debate_v0
from oversight_envs.agents import LanguageModelAgent
from oversight_envs.evaluation.statistics import mean, paired_difference
from oversight_envs.judges import LogitJudge
from oversight_envs.tasks import make_task
from oversight_envs.wrappers import BatchedVecEnv, CandidatesEnv, CandidatesPolicy

parser = argparse.ArgumentParser()
parser.add_argument("--out", type=Path, required=True)
parser.add_argument("--seed", type=int, default=0)
arguments = parser.parse_args()
torch.set_num_threads(1)  # the models are so small that threads only wait for each other

debater = LanguageModelAgent("tiny-stories-debater", max_new_tokens=12)
players = {"debater_1": debater, "judge_0": LogitJudge("tiny-stories-judge")}
game = {"players": players, "wording": "tiny_debate", "both_orders": True}
learning, held_out = (make_task("stories", split=split) for split in ("train", "test"))
make = lambda task: CandidatesEnv(debate_v0.gym_env(task=task, **game), debater)  # noqa: E731

n, rewards = 500, []
test = BatchedVecEnv([lambda: make(held_out)] * n)
for choice in range(8):  # the same games eight times: the seed decides all else
    test.seed(0)
    test.set_options([{"question": i} for i in range(n)])
    seen = test.reset()
    rewards.append(test.step(np.full(n, choice))[1])
rewards = np.array(rewards)  # [8, n]
env = make_vec_env(lambda: make(learning), 64, arguments.seed, vec_env_cls=BatchedVecEnv)
model = PPO(CandidatesPolicy, env, learning_rate=1e-3, n_steps=8, batch_size=128, n_epochs=4, seed=arguments.seed)
curve = {0: rewards[model.predict(seen)[0], range(n)]}
while model.num_timesteps < 24_576:
    model.learn(1_536, reset_num_timesteps=False)
    curve[model.num_timesteps] = learner = rewards[model.predict(seen, deterministic=True)[0], range(n)]

for name, values in {"random choice": rewards.mean(0), "learner": learner, "best of 8": rewards.max(0)}.items():
    print(f"{name:16} {mean(enumerate(values)).text('signed')}")
    plt.plot([0, 24_576], 2 * [values.mean()], ":", label=name)
print(f"learner - random {paired_difference(enumerate(learner), enumerate(rewards.mean(0))).text('signed')}")
plt.plot(list(curve), [values.mean() for values in curve.values()], label="learner, while it learns")
plt.gca().set(xlabel="games", ylabel="held-out reward (log-odds)")
plt.legend()
arguments.out.mkdir(parents=True, exist_ok=True)
plt.savefig(arguments.out / "curve.png", dpi=80)
