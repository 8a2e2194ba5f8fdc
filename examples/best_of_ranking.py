"""Best of 8 by one ranking: a small model draws eight solutions and orders them all in one call.

    python examples/best_of_ranking.py                           # SmolLM2-135M in both roles, a minute on two cores
    python examples/best_of_ranking.py openai:MODEL@http://localhost:8000/v1 ranking:openai:MODEL@http://localhost:8000/v1

``ranking:logit:MODEL`` reads the order off the probabilities of the letters; ``ranking:MODEL`` has it written.
"""

import sys

from oversight_envs import rollout
from oversight_envs.agents import BestOfNAgent
from oversight_envs.agents.specs import make_speaker
from oversight_envs.judges import make_ranker
from oversight_envs.protocols import ProverVerifier

model = sys.argv[1] if len(sys.argv) > 1 else "smollm2-135m"
ranker = sys.argv[2] if len(sys.argv) > 2 else "ranking:logit:smollm2-135m"
speaker = make_speaker(model, max_new_tokens=80)
game = ProverVerifier(provers="helpful", verifier=False)  # one prover, whose answers the task itself marks

for name, player in ("one draw", speaker), ("best of 8", BestOfNAgent(speaker, make_ranker(ranker), 8)):
    records = rollout(game, "arithmetic", {"helpful_0": player}, questions=4)
    right = sum(record.correct["helpful_0"] for record in records)
    print(f"{name}: {right} of {len(records)} right")
    for record in records:
        speech = record.entries[0].reply
        print(f"  {record.question.text}\n    {speech.text.splitlines()[-1:]} {speech.info.get('values', '')}")
