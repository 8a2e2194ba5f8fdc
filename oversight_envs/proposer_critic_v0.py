"""
# Proposer and critic

Debate on a model's own answer: a proposer solves the problem, a critic agrees or attacks, both may speak again, and a
judge decides whether the proposal is right. After Elasky, Nakasako and Goyal (arXiv 2605.27483).

| | |
|---|---|
| Creation | `from oversight_envs import proposer_critic_v0; env = proposer_critic_v0.env()` |
| Registered as | `pettingzoo.make("aec", "oversight/proposer-critic-v0")` |
| Agents | `proposer_0`, `critic_0`, `judge_0`, less those filled by `players` |
| Single agent | one role left open: `gymnasium.make("oversight/proposer-critic-v0", players=...)` |
| Action space | `Unicode(100000)`: any text; a judge's is Yes, No or a probability |
| Observation space | `Unicode`: the prompt as one text |

### Observation Space

The problem (and passage, where there is one) and what was said so far; the judge sees no passage.

### Action Space

The proposer ends its solution with a line `Answer: ...`, which the task's checker marks; on a question with options it
must be the words of one. An honest critic ends with `Answer: right` or `Answer: wrong`; the first concedes, which ends
the debate. The judge: as in `prover_verifier_v0`.

### Rewards

Zero until the end. With V the judge's log-odds that the proposal is right:

| `reward` | proposer | critic |
|---|---|---|
| `"stance"` (default) | V | -V, or V if it conceded |
| `"accuracy"` | log-probability that the judge gave to the truth | the same |

With `critic="adversarial"` the first is zero-sum. A judge that is an agent earns the log-probability that it gave to
the truth.

### Arguments

`env(task="arithmetic", players=None, reward=None, render_mode=None, **options)`, with the options of
`oversight_envs.protocols.ProposerCritic`: `rebuttals=1` (0: openings only), `critic="honest"` (or `"adversarial"`),
`max_words=200`, `wording=None`. Any task with options or a checker.

### Version History

* v0: initial release
"""

from __future__ import annotations

from oversight_envs.env.modules import entry_points
from oversight_envs.protocols import ProposerCritic

__all__ = ["env", "gym_env", "parallel_env", "raw_env"]

raw_env, env, parallel_env, gym_env = entry_points(ProposerCritic, default_task="arithmetic")
