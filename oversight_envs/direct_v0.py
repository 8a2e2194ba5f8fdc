"""
# Direct judgment

The judge alone: blind (it sees the question and the answers) or expert (the passage as well). The two baselines that
every protocol is compared with.

| | |
|---|---|
| Creation | `from oversight_envs import direct_v0; env = direct_v0.env(expert=True)` |
| Registered as | `pettingzoo.make("aec", "oversight/direct-v0")` |
| Agents | `judge_0` |
| Single agent | `gymnasium.make("oversight/direct-v0")` |
| Action space | `Unicode(100000)`: one label, or a probability for each |
| Observation space | `Unicode`: the prompt as one text |

### Observation Space

The question with its answers under letters, after the passage where `expert=True`. Any number of answers up to 26.

### Action Space

A decision in words, as in `debate_v0`.

### Rewards

The log-probability that the judge gave to the right answer, at the end.

### Arguments

`env(task="passages", players=None, reward=None, render_mode=None, **options)`, with the options of
`oversight_envs.protocols.Direct`: `expert=False`, `both_orders=False`,
`wording=None`.

### Version History

* v0: initial release
"""

from __future__ import annotations

from oversight_envs.env.modules import entry_points
from oversight_envs.protocols import Direct

__all__ = ["env", "gym_env", "parallel_env", "raw_env"]

raw_env, env, parallel_env, gym_env = entry_points(Direct, default_task="passages")
