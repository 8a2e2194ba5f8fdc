"""
# Recursive debate

A prover says what a nested sum comes to, and then what its parts come to; an opponent points at the part that it
disputes; so on down to a list of bare numbers, which alone is judged. After Brown-Cohen, Irving and Piliouras,
*Scalable AI safety via doubly-efficient debate* (arXiv 2311.14125): the judge's work is the same at every depth, and
whoever is honest can win.

| | |
|---|---|
| Creation | `from oversight_envs import recursive_debate_v0; env = recursive_debate_v0.env()` |
| Registered as | `pettingzoo.make("aec", "oversight/recursive-debate-v0")` |
| Agents | `prover_0`, `opponent_0`, with `judge=True` `judge_0`, less those filled by `players` |
| Single agent | one role left open: `gymnasium.make("oversight/recursive-debate-v0", players=...)` |
| Action space | `Unicode(100000)`: a text that ends in `Answer: ...`; a judge's is Yes, No or a probability |
| Observation space | `Unicode`: the prompt as one text |

### Observation Space

Prover and opponent read the whole sum, whether they are to be honest (one is, the other is not; the seed draws which),
and all that was said. The judge reads the last claim, such as `[3, 5] = 9`, and nothing else.

### Action Space

The prover's last line is `Answer: 19`, then `Answer: 8 + 11`, one number for each part; the opponent's is `Answer: 2`,
the number of a part. Anything else, and a split that doesn't add up, truncates the episode and says why.

### Rewards

Zero until the end.

| `reward` | prover | opponent |
|---|---|---|
| `"judged"` (default with a judge) | the judge's log-odds that the last claim is right | the same with the other sign |
| `"checked"` (default without) | 1 if the last claim is right, else -1 | the same with the other sign |

A judge that is an agent earns the log-probability that it gave to the truth about the last claim.

### Arguments

`env(task="nested_sums", players=None, reward=None, render_mode=None, **options)`, with the options of
`oversight_envs.protocols.RecursiveDebate`: `judge=True` (False: the task's own check), `max_words=100`, `wording=None`.
The task `nested_sums` has `depth=3` and `width=2`.

### Version History

* v0: initial release
"""

from __future__ import annotations

from oversight_envs.env.modules import entry_points
from oversight_envs.protocols import RecursiveDebate

__all__ = ["env", "gym_env", "parallel_env", "raw_env"]

raw_env, env, parallel_env, gym_env = entry_points(RecursiveDebate, default_task="nested_sums")
