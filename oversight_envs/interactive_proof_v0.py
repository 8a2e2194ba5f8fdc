"""
# Interactive proof

A verifier exchanges messages with one or two provers, who can read more than it, and then believes a claim, its denial,
or neither. After Hammond and Adam-Day, *Neural interactive proofs* (arXiv 2412.08897).

| | |
|---|---|
| Creation | `from oversight_envs import interactive_proof_v0; env = interactive_proof_v0.env(protocol="mnip")` |
| Registered as | `pettingzoo.make("aec", "oversight/interactive-proof-v0")` |
| Agents | `prover_0`, `prover_1`, `verifier_0` (as the protocol has them), less those filled by `players` |
| Single agent | one role left open: `gymnasium.make("oversight/interactive-proof-v0", players=...)` |
| Action space | `Unicode(100000)`: any text; the verifier's last is one label or a probability |
| Observation space | `Unicode`: the prompt as one text |

| `protocol` | provers | who says what |
|---|---|---|
| `"solo"` | none | the verifier decides |
| `"adp"` | one | one message, then the decision |
| `"nip"` (default) | one | `rounds` messages, between which the verifier asks |
| `"mnip"` | two, with one claim | the same with each apart: neither hears the other, nor what it is asked |
| `"merlin_arthur"` | two, with opposite claims | one, drawn by the seed, sends one message |

There is no zero-knowledge variant: it needs a simulator that is trained beside the players, which is a matter of
training, not of who says what to whom. Debate is `debate_v0`.

### Observation Space

Provers read the passage and their own exchange with the verifier; the verifier reads no passage, the claims and all
that is said to it.

### Action Space

Any text. The verifier's last action is a decision, read as the judge's of `debate_v0`. It counts as "I don't know"
where no answer has the probability `certainty`.

### Rewards

Zero until the end.

| `reward` | provers | verifier |
|---|---|---|
| `"accepted"` (default) | 1 if heard and believed, else 0 | 1 if right, -1 if wrong, 0 if it doesn't know |
| `"shared"` | the verifier's | 1 if right, -1 if wrong, 0 if it doesn't know |
| `"logit"`, ... | the verifier's log-odds of their claim (as in `debate_v0`) | log score of the truth |

### Arguments

`env(task="passages", players=None, reward=None, render_mode=None, **options)`, with the options of
`oversight_envs.protocols.InteractiveProof`: `protocol="nip"`, `rounds=2`, `max_words=150`, `quotes=True`,
`certainty=0.5`, `wording=None`. Questions with two answers.

### Version History

* v0: initial release
"""

from __future__ import annotations

from oversight_envs.env.modules import entry_points
from oversight_envs.protocols import InteractiveProof

__all__ = ["env", "gym_env", "parallel_env", "raw_env"]

raw_env, env, parallel_env, gym_env = entry_points(InteractiveProof, default_task="passages")
