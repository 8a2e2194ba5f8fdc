"""A panel of judges: the mean of their log-odds decides, and what each of them thought is in the record.

python examples/panel.py                                     # two tiny judges that come with the package
python examples/panel.py panel:logit:smollm2-135m+stated:openai:MODEL@http://localhost:8000/v1
"""

import sys

from oversight_envs import rollout
from oversight_envs.judges import member_verdicts
from oversight_envs.protocols import Debate

panel = sys.argv[1] if len(sys.argv) > 1 else "panel:logit:tiny-stories-judge+logit:tiny-stories-heldout"
debater = "tiny-stories-debater"
players = {"debater_0": debater, "debater_1": debater, "judge_0": panel}
records = rollout(Debate(wording="tiny_debate", both_orders=True), "stories", players, questions=60)

right = []
for record in records:
    everyone = [*member_verdicts(record.decision), record.decision.verdict]
    right.append([verdict.choice == record.question.truth for verdict in everyone])
described = records[0].players["judge_0"]["members"]
names = [member.get("lm", {}).get("model") or member["type"] for member in described]
for name, results in zip([*names, "the panel"], zip(*right, strict=True), strict=True):
    print(f"{name}: right in {sum(results)} of {len(results)} debates")
split = sum(len(set(row[:-1])) > 1 for row in right)
print(f"the members disagreed in {split}")
