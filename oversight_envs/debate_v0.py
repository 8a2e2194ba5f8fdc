"""
# Debate

Two debaters argue for opposite answers of a question about a passage that only they can read. A judge, who sees the
question, the answers and what was said, gives the probability of each answer; its log-odds are the debaters' reward.

| | |
|---|---|
| Creation | `from oversight_envs import debate_v0; env = debate_v0.env()` |
| Registered as | `pettingzoo.make("aec", "oversight/debate-v0")` |
| Agents | `debater_0`, `debater_1`, `judge_0`, less those filled by `players` |
| Parallel API | `debate_v0.parallel_env(players={"judge_0": judge})`, simultaneous turns only |
| Single agent | one role left open: `gymnasium.make("oversight/debate-v0", players=...)` |
| Action space | `Unicode(100000)`: any text; a judge's is one label or a probability |
| Observation space | `Unicode`: the prompt as one text |

### Observation Space

What the agent is to answer, as a `TextObservation` (a `str`). The chat messages behind it are in
`infos[agent]["prompt"]`. Debaters see the passage, the question, both answers, the answer that is theirs and what was
said so far; the judge sees no passage.

### Action Space

Debaters say anything; quotes stand between `<quote>` and `</quote>`, and what is over `max_words` is cut. Quotes are
checked: the judge reads `<v_quote>` around those that stand in the passage, `<s_quote>` around those too short to count
(fewer than 6 letters, or an ellipsis between parts of fewer than 3 words) and `<u_quote>` around the others. A Chinese
or Japanese character counts as a word of the limit and as two letters of a quote.

A judge that is an agent answers with one label (`A`), the probability of `A` (`0.7`) or one for each label
(`A: 0.7, B: 0.3`); probabilities are clipped to [.01, .99]. An ambiguous decision is asked again once; then the episode
is truncated.

### Rewards

Zero until the end. Then `reward`: `"logit"` (default; the judge's log-odds of the own answer), `"probability"`,
`"log_probability"`, `"win"`, or a function of records. All but `log_probability` are zero-sum. A judge that is an agent
earns the log-probability that it gave to the right answer.

### Arguments

`env(task="passages", players=None, reward=None, render_mode=None, **options)`, with the options of
`oversight_envs.protocols.Debate`: `rounds=1`, `turns="simultaneous"` (or `"sequential"`), `max_words=150`,
`quotes=True`, `show="all"` (or `"quotes"`, `"arguments"`, `"verified"`), `scratchpad=False`, `both_orders=False`,
`judge_asks=False` (the judge puts a question between rounds), `judge_ends=False` (with it the judge may say "No further
questions." instead and decide at once), `positions="assigned"` (or `"open"`: `debater_0` first
names the answer that it will argue for, by its words; if it names neither, the episode is truncated),
`cross_examination=False` (in each round each debater questions the other after the speeches), `wording=None`.

A question may have more than two answers (`--task-option options=4`): the seed draws two of them to be argued for,
maybe both wrong, since no game knows the truth. The judge decides among all; the debaters are paid by how much it
prefers the one of theirs to the other.

To play every question with both assignments, so that the right answer is argued for from either side equally often:
`rollout(..., sides="both")`, `evaluate(..., sides="both")` or `--sides both`; step by step,
`env.reset(seed=3, options={"other_sides": True})` is the game of `env.reset(seed=3)` with the sides exchanged.

### Version History

* v0: initial release
"""

from __future__ import annotations

from oversight_envs.env.modules import entry_points
from oversight_envs.protocols import Debate

__all__ = ["env", "gym_env", "parallel_env", "raw_env"]

raw_env, env, parallel_env, gym_env = entry_points(Debate, default_task="passages")
