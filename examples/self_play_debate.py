"""Self-play debate with the tiny models on stories: debaters by PPO, judge and blind judge by supervised learning.

    python examples/self_play_debate.py --out runs/self_play            # the published shape: 1,586 questions, 2 epochs
    python examples/self_play_debate.py --out runs/frozen --frozen      # the control: the judge does not learn

Stop it and run it again: it goes on from its last checkpoint.
"""

import argparse
import json

import torch
from rich.progress import Progress

from oversight_envs.agents import LanguageModelAgent
from oversight_envs.models import load
from oversight_envs.protocols import Debate, Direct
from oversight_envs.tasks import make_task
from oversight_envs.training import JudgeConfig, PPOConfig, TextPolicy
from oversight_envs.training.recipes.debate import DebateConfig, DebateRun


def own(name):
    """A copy: ``load`` gives everyone the same model, and these are trained."""
    return load(name).copy()


parser = argparse.ArgumentParser()
parser.add_argument("--out", required=True)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--questions", type=int, default=1586)
parser.add_argument("--frozen", action="store_true")
arguments = parser.parse_args()
torch.set_num_threads(1)  # the models are so small that threads only wait for each other

config = DebateConfig(
    questions=arguments.questions,
    samples=4,
    best_of=(1, 4, 16),
    train_judge=not arguments.frozen,
    ppo=PPOConfig(estimator="rloo", learning_rate=5e-4, kl_coef=0.2, epochs=4),
    judge=JudgeConfig(learning_rate=5e-4),
    seed=arguments.seed,
)
run = DebateRun(
    config,
    game=Debate(wording="tiny_debate", both_orders=True),
    blind=Direct(wording="tiny_direct", both_orders=True),
    train=make_task("stories", split="train"),
    test=make_task("stories", split="test"),
    policy=TextPolicy("tiny-stories-debater", max_new_tokens=12),
    initial=LanguageModelAgent(own("tiny-stories-debater"), max_new_tokens=12),
    judge=own("tiny-stories-judge"),
    blind_judge=own("tiny-stories-judge"),
    held_out_judge=own("tiny-stories-heldout"),
    folder=arguments.out,
)
with Progress() as bar:
    steps = bar.add_task("steps", total=config.steps)
    evaluations = run.run(lambda step, statistics: bar.update(steps, completed=step))
for evaluation in evaluations:
    print(f"\nafter {evaluation['step']} of {config.steps} steps")
    for name, e in evaluation.items():
        if isinstance(e, dict) and "value" in e and e["value"] is not None:
            print(
                f"  {name:20} {e['value']:6.3f}"
                + (f"  [{e['low']:.3f}, {e['high']:.3f}]" if e["low"] is not None else "")
            )
    for n, found in evaluation.get("best_of", {}).items():
        print(f"  best of {n}: {json.dumps({name: round(e['value'], 3) for name, e in found.items()})}")
