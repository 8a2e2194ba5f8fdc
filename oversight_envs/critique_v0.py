"""
# Critique

A solver answers, a critic who knows as much points out flaws, a judge marks the answer with the critique beside it.
With `revise=True` a reviser (fill it with the solver's player) writes the answer anew, and the judge marks that too.
After Saunders et al. (arXiv 2206.05802) and Critique-RL (arXiv 2510.24320).

| | |
|---|---|
| Creation | `from oversight_envs import critique_v0; env = critique_v0.env()` |
| Registered as | `pettingzoo.make("aec", "oversight/critique-v0")` |
| Agents | `solver_0`, `critic_0`, with `revise=True` `reviser_0`, `judge_0`, less those filled by `players` |
| Single agent | one role left open: `gymnasium.make("oversight/critique-v0", players=...)` |
| Action space | `Unicode(100000)`: a text that ends in `Answer: ...`; a judge's is Yes, No or a probability |
| Observation space | `Unicode`: the prompt as one text |

### Observation Space

Problem (and passage, where there is one) for all who speak, and what was said before them. The judge sees no passage:
the problem, the answer and the critique; with `revise=True` then the revised answer alone.

### Action Space

Solver and reviser end with a line `Answer: ...`, which the task's checker marks; on a question with options it must be
the words of one. The critic ends with `Answer: right` or `Answer: wrong`. A judge that is an agent answers Yes, No or
the probability that the answer is right; an ambiguous mark is asked again once, then the episode is truncated.

### Rewards

Zero until the end. With V the judge's log-odds that an answer is right:

| `reward` | critic | solver, reviser |
|---|---|---|
| `"assistance"` (default) | log-probability that the judge gave to the truth about the solver's answer | V |
| `"discrimination"` | 1 if its verdict on the solver's answer is right, else 0 | 1 if right, else 0 |
| `"refinement"` | 1 if the revised answer is right, plus 0.2 if its verdict on the first one is | 1 if right, else 0 |

The last two are the two stages of Critique-RL, with its weight of 0.2; its penalties for leaving the reference model
(the second stage's is the model of the first) are a matter of training: `kl` there.

A judge that is an agent earns the mean log-probability that it gave to the truth.

### Measures

`oversight_envs.evaluation.critique_gaps(records)`, of records with two or more samples of each question, says how much
better than drawing one at random it is to take, of two answers, the one that the critic holds right (Saunders' GD gap),
or the one that the judge marks higher after reading the critiques (GC gap), and how much of what the critic can tell is
lost in its critiques (CD gap).

### Arguments

`env(task="arithmetic", players=None, reward=None, render_mode=None, **options)`, with the options of
`oversight_envs.protocols.Critique`: `critic=True` (False: the judge marks alone, for comparison), `revise=False`,
`max_words=200`, `wording=None`. Any task with options or a checker.

### Version History

* v0: initial release
"""

from __future__ import annotations

from oversight_envs.env.modules import entry_points
from oversight_envs.protocols import Critique

__all__ = ["env", "gym_env", "parallel_env", "raw_env"]

raw_env, env, parallel_env, gym_env = entry_points(Critique, default_task="arithmetic")
