"""
# Recursive debate

A prover says what a nested sum comes to, and then what its parts come to; an opponent points at the part that it
disputes; so on down to a list of bare numbers, which alone is judged. After Brown-Cohen, Irving and Piliouras,
*Scalable AI safety via doubly-efficient debate* (arXiv 2311.14125): the judge's work is the same at every depth, and
whoever is honest can win. With `estimator=True` it is their prover-estimator debate (arXiv 2506.13609): an estimator
says how probable each claim is, and the prover goes on with one that it holds for underestimated.

| | |
|---|---|
| Creation | `from oversight_envs import recursive_debate_v0; env = recursive_debate_v0.env()` |
| Registered as | `pettingzoo.make("aec", "oversight/recursive-debate-v0")` |
| Agents | `prover_0`, `opponent_0` or `estimator_0`, with `judge=True` `judge_0`, less those filled by `players` |
| Single agent | one role left open: `gymnasium.make("oversight/recursive-debate-v0", players=...)` |
| Action space | `Unicode(100000)`: a text that ends in `Answer: ...`; a judge's is Yes, No or a probability |
| Observation space | `Unicode`: the prompt as one text |

### Observation Space

Prover and opponent (or estimator) read the whole sum, whether they are to be honest (one is, the other is not; the seed draws which),
and all that was said. The judge reads the last claim, such as `[3, 5] = 9`, and nothing else.

### Action Space

The prover's last line is `Answer: 19`, then `Answer: 8 + 11`, one number for each part; the opponent's is `Answer: 2`,
the number of a part. An estimator's is `Answer: 0.5`, then `Answer: 1, 0.5`, a probability for each part; none may be
below that of the whole, and what they lack of 1 must come to what the whole lacks, or more; the prover then says
`Answer: 2`. Who says anything else, or splits a claim into parts that don't add up, has lost at once.

### Rewards

Zero until the end.

| `reward` | prover | opponent or estimator |
|---|---|---|
| `"judged"` (default with a judge) | the judge's probability that the last claim is right, less that it is wrong | the same with the other sign |
| `"checked"` (default without) | 1 if the last claim is right, else -1 | the same with the other sign |
| `"estimated"` (default with an estimator) | p + c - q | the same with the other sign |

p and q are the estimator's probabilities of the whole claim and of the last one, c is the judge's of the last one (or 1
or 0, by the task's check). Who broke the rules earns -1, the least there is, and the other 1.

A judge that is an agent earns the log-probability that it gave to the truth about the last claim.

### Arguments

`env(task="nested_sums", players=None, reward=None, render_mode=None, **options)`, with the options of
`oversight_envs.protocols.RecursiveDebate`: `judge=True` (False: the task's own check),
`estimator=False`, `max_words=100`, `wording=None`. The task `nested_sums` has `depth=3` and `width=2`.

### Version History

* v0: initial release
"""  # noqa: E501  a row of a table is one line

from __future__ import annotations

from oversight_envs.env.modules import entry_points
from oversight_envs.protocols import RecursiveDebate

__all__ = ["env", "gym_env", "parallel_env", "raw_env"]

raw_env, env, parallel_env, gym_env = entry_points(RecursiveDebate, default_task="nested_sums")
