"""The usual PettingZoo loop: two debaters that you write, a judge that is a real language model."""

from oversight_envs import debate_v0
from oversight_envs.judges import LogitJudge

env = debate_v0.env(task="passages", players={"judge_0": LogitJudge("smollm2-135m")}, render_mode="human")
env.reset(seed=7)
for agent in env.agent_iter():
    observation, reward, terminated, truncated, info = env.last()
    if terminated or truncated:
        print(f"{agent}: reward {reward:+.2f}")
        action = None
    else:
        passage = info["prompt"][-1].content
        action = f"The text settles it: <quote>{passage.splitlines()[2][:60]}</quote>"
    env.step(action)
env.render()
