"""
# Consultancy

One consultant, who can read the passage, argues for the answer it was given (right or wrong by the seed) before a
judge who can't read it. The baseline that debate is measured against.

| | |
|---|---|
| Creation | `from oversight_envs import consultancy_v0; env = consultancy_v0.env()` |
| Registered as | `pettingzoo.make("aec", "oversight/consultancy-v0")` |
| Agents | `consultant_0`, with `double=True` `consultant_1`, `judge_0`, less those filled by `players` |
| Single agent | one role left open: `gymnasium.make("oversight/consultancy-v0", players=...)` |
| Action space | `Unicode(100000)`: any text; a judge's decision is one label or a probability |
| Observation space | `Unicode`: the prompt as one text |

### Observation Space

The prompt that the agent is to answer; the chat messages are in `infos[agent]["prompt"]`.

### Action Space

The consultant says anything, with quotes between `<quote>` and `</quote>`. With `judge_asks=True` the judge asks a
question between rounds, in any words, and decides at the end (see `debate_v0` for how decisions are read). With
`positions="open"` the consultant first names the answer that it will argue for, by its words; if it names neither, the
episode is truncated.

### Rewards

Zero until the end. The consultant earns the judge's log-odds of its answer (`reward="logit"`, or as in `debate_v0`);
with `double=True` that is zero-sum. A judge that is an agent earns the log-probability that it
gave to the right answer.

### Arguments

`env(task="passages", players=None, reward=None, render_mode=None, **options)`, with the options of
`oversight_envs.protocols.Consultancy`: `rounds=1`, `judge_asks=False`, `judge_ends=False` (the judge that asks may say
"No further questions." and decide at once), `positions="assigned"` (or `"open"`), `double=False` (two consultants, one
for each answer, neither of whom hears the other), `max_words=150`, `quotes=True`, `show="all"`, `scratchpad=False`,
`both_orders=False`, `wording=None`.

### Version History

* v0: initial release
"""

from __future__ import annotations

from oversight_envs.env.modules import entry_points
from oversight_envs.protocols import Consultancy

__all__ = ["env", "gym_env", "parallel_env", "raw_env"]

raw_env, env, parallel_env, gym_env = entry_points(Consultancy, default_task="passages")
