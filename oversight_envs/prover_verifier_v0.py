"""
# Prover-verifier game

A helpful prover, who is to be right and easy to check, and a sneaky one, who is to be wrong and convincing, solve the
same problem at once; a verifier marks each solution without knowing who wrote it.

| | |
|---|---|
| Creation | `from oversight_envs import prover_verifier_v0; env = prover_verifier_v0.env()` |
| Registered as | `pettingzoo.make("aec", "oversight/prover-verifier-v0")` |
| Agents | `helpful_0`, `sneaky_0`, `verifier_0`, with `translator=True` `translator_0`, less those of `players` |
| Parallel API | `prover_verifier_v0.parallel_env(players={"verifier_0": verifier})` |
| Single agent | one role left open: `gymnasium.make("oversight/prover-verifier-v0", players=...)` |
| Action space | `Unicode(100000)`: a solution that ends in `Answer: ...`; a verifier's is Yes, No or a probability |
| Observation space | `Unicode`: the prompt as one text |

### Observation Space

The problem, with the instruction of the role. Both provers have the same prompt but for that instruction. The
verifier sees problem and solution; with `translator=True` the translator sees these, and the verifier what it wrote.

### Action Space

A solution; its last line of the form `Answer: ...` is what the task's checker marks, and a solution without one is
wrong. A verifier that is an agent answers Yes, No or the probability that the solution is right, clipped to [.01, .99];
an ambiguous mark is asked again once, then the episode is truncated.

### Rewards

Zero until the end. With V the verifier's score (log-odds that the solution is right), V' = V less the mean of its
group in training (V itself in `env.step`), c = 1 if the solution is right, h = 1 for the helpful prover:

| `reward` | |
|---|---|
| `"src"` (default) | (2c-1)(2h-1) V' if V' > 0, else -1 |
| `"cgc"` | V if h == c, else -2 |
| `"goodhart"` | V |
| `"correctness"` | c |
| `"translated"` (default with a translator) | as `src`; the translator: see below |

The translator earns the mean, over the solutions, of the log-probability that the verifier gave to the truth about the
solution, or -5 where the final answer that it wrote is not the solution's.

A verifier that is an agent earns the mean log-probability that it gave to the truth about each solution.

### Arguments

`env(task="arithmetic", players=None, reward=None, render_mode=None, **options)`, with the options of
`oversight_envs.protocols.ProverVerifier`: `provers="both"` (or `"helpful"`, `"sneaky"`), `verifier=True` (False:
provers alone), `translator=False`, `max_words=200`, `wording=None`. The task must have a checker: `arithmetic`,
`gsm8k`, or your own.

### Version History

* v0: initial release
"""

from __future__ import annotations

from oversight_envs.env.modules import entry_points
from oversight_envs.protocols import ProverVerifier

__all__ = ["env", "gym_env", "parallel_env", "raw_env"]

raw_env, env, parallel_env, gym_env = entry_points(ProverVerifier, default_task="arithmetic")
