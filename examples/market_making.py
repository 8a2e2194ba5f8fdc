"""A market: the predictor that foresees what the judge will think can't be moved, and earns more than a hasty one."""

from oversight_envs import rollout
from oversight_envs.agents import ScriptedAgent
from oversight_envs.judges import CallableJudge
from oversight_envs.protocols import MarketMaking


def by_last_argument(case):
    """Believes the answer that was argued for last, and nothing before."""
    arguments = [line for line in case.prompt[-1].content.splitlines() if line.startswith("> ")]
    return 2.0 * (case.options[0] in arguments[-1]) - 2.0 * (case.options[1] in arguments[-1]) if arguments else 0.0


def foresees(case):
    """Knows that the adversary ends with the first answer."""
    return 2.0 if case.options[0] == sorted(case.options)[0] else -2.0


def argue(turn):
    """For one answer, then for the other."""
    return sorted(turn.options)[1 - turn.number % 2]


for predict in (by_last_argument, foresees):
    players = {
        "adversary_0": ScriptedAgent(argue),
        "predictor_0": CallableJudge(log_odds=predict),
        "judge_0": CallableJudge(log_odds=by_last_argument),
    }
    records = rollout(MarketMaking(rounds=2), "stories", players, questions=8)
    earned = {role: round(sum(r.rewards[role] for r in records) / 8, 2) for role in ("adversary_0", "predictor_0")}
    print(predict.__name__, earned)
