"""What a critique is worth: a judge marks wrong and right answers with and without it, and a reviser uses it."""

from oversight_envs import rollout
from oversight_envs.agents import ScriptedAgent
from oversight_envs.evaluation import critique_gaps
from oversight_envs.judges import CallableJudge
from oversight_envs.protocols import Critique
from oversight_envs.tasks import make_task

task = make_task("arithmetic")
answers = {question.text: str(question.truth) for question in task.sample(8)}


def right(turn):
    return f"Answer: {answers[turn.question]}"


def solve(turn):
    return right(turn) if turn.seed % 2 else "Answer: 7"


def criticise(turn):
    verdict = "right" if f"> {right(turn)}" in turn.prompt[-1].content.splitlines() else "wrong"
    return f"I worked it out for myself.\nAnswer: {verdict}"


def trusting(solution):
    """Believes a critic, and without one everybody."""
    return -3.0 if "> Answer: wrong" in solution.prompt[-1].content else 3.0


speakers = {"solver_0": solve, "critic_0": criticise, "reviser_0": right}
players = {role: ScriptedAgent(say) for role, say in speakers.items()} | {"judge_0": CallableJudge(scores=trusting)}
for game in (Critique(critic=False), Critique(revise=True), Critique()):
    records = rollout(game, task, {role: players[role] for role in game.roles}, questions=8, samples=4)
    print(game.config, {role: sum(r.rewards[role] for r in records) / 32 for role in game.roles})
gaps = critique_gaps(records)
print("right of two:", gaps.generation.text("percent"), "drawn;", gaps.critique.text("percent"), "by their critiques")
