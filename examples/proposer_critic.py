"""Debate on a model's own answer: the judge learns more from a critic who may agree than from one who must attack."""

from oversight_envs import rollout
from oversight_envs.agents import ScriptedAgent
from oversight_envs.judges import CallableJudge
from oversight_envs.protocols import ProposerCritic
from oversight_envs.tasks import make_task

task = make_task("arithmetic")
answers = {question.text: str(question.truth) for question in task.sample(8)}


def propose(turn):
    """Right about every other problem."""
    return f"Answer: {answers[turn.question] if turn.episode_seed % 2 else 7}"


def criticise(turn):
    right = f"> Answer: {answers[turn.question]}" in turn.prompt[-1].content.splitlines()
    return f"I checked it.\nAnswer: {'right' if right and turn.honest else 'wrong'}"


def believe(solution):
    return -2.0 if "> Answer: wrong" in solution.prompt[-1].content else 2.0


players = {
    "proposer_0": ScriptedAgent(propose),
    "critic_0": ScriptedAgent(criticise),
    "judge_0": CallableJudge(scores=believe),
}
for critic in ("honest", "adversarial"):
    records = rollout(ProposerCritic(critic=critic), task, players, questions=8)
    print(f"{critic}: the judge earns {sum(r.rewards['judge_0'] for r in records) / 8:.2f}")
