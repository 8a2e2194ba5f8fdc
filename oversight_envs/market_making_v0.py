"""
# Market making

A predictor gives the probability that a judge will in the end believe each answer, before and after each argument of an
adversary who is paid for moving it; then the judge decides. After Hubinger, *AI safety via market making* (2020).

| | |
|---|---|
| Creation | `from oversight_envs import market_making_v0; env = market_making_v0.env()` |
| Registered as | `pettingzoo.make("aec", "oversight/market-making-v0")` |
| Agents | `adversary_0`, `predictor_0`, `judge_0`, less those filled by `players` |
| Single agent | one role left open: `gymnasium.make("oversight/market-making-v0", players=...)` |
| Action space | `Unicode(100000)`: any text; a prediction or decision is one label or a probability |
| Observation space | `Unicode`: the prompt as one text |

### Observation Space

Question, answers and the arguments so far. Adversary and predictor read the passage as well, the judge does not; the
adversary is told the prediction of the moment, the judge never.

### Action Space

The adversary says anything, with quotes between `<quote>` and `</quote>`. Predictor and judge decide as the judge of
`debate_v0` does.

### Rewards

Zero until the end.

| `reward` | adversary | predictor |
|---|---|---|
| `"market"` (default) | the sum of what each argument moved the prediction (total variation) | mean over its predictions of the expected log-probability under the judge's final belief |
| `"movement"` | the same | log score of the truth |

A judge that is an agent earns the log-probability that it gave to the right answer.

### Arguments

`env(task="passages", players=None, reward=None, render_mode=None, **options)`, with the options of
`oversight_envs.protocols.MarketMaking`: `rounds=2`, `max_words=150`, `quotes=True`, `wording=None`. Any number of
answers up to 26.

### Version History

* v0: initial release
"""  # noqa: E501  a row of a table is one line

from __future__ import annotations

from oversight_envs.env.modules import entry_points
from oversight_envs.protocols import MarketMaking

__all__ = ["env", "gym_env", "parallel_env", "raw_env"]

raw_env, env, parallel_env, gym_env = entry_points(MarketMaking, default_task="passages")
