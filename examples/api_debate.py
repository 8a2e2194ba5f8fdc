"""A debate between two models behind servers, judged by one that thinks first; asked once, then free from the cache.

    python examples/api_debate.py openai:gpt-5-mini
    python examples/api_debate.py openai:MODEL@http://localhost:8000/v1 --judge openai:OTHER@http://localhost:8001/v1

Needs ``pip install 'oversight-envs[api]'`` and, for OpenAI's models, the key in OPENAI_API_KEY.
"""

import argparse
from pathlib import Path

from oversight_envs import rollout
from oversight_envs.agents import ApiAgent
from oversight_envs.core.usage import summed_by_role
from oversight_envs.judges import ReasoningJudge, StatedJudge
from oversight_envs.models.api import AnswerCache, ApiModel

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("model", help="who debates: openai:MODEL or openai:MODEL@URL")
parser.add_argument("--judge", help="who judges [default: the same model]")
parser.add_argument("--questions", type=int, default=4)
parser.add_argument("--out", type=Path, default=Path("runs/api-debate"))
args = parser.parse_args()

cache = AnswerCache(args.out / "answers.sqlite")
debater = ApiAgent(ApiModel(args.model, cache=cache), max_new_tokens=1024)
reader = ApiAgent(ApiModel(args.judge or args.model, cache=cache), max_new_tokens=1024)
judge = ReasoningJudge(reader, StatedJudge(reader))  # or ApiLogitJudge(...), where the server has log-probabilities
players = {"debater_0": debater, "debater_1": debater, "judge_0": judge}

file = args.out / "episodes.jsonl"
records = rollout("debate", "passages", players, questions=args.questions, path=file, on_failure="record")
for record in records:
    print(record)  # or, where it failed, why
    for view in record.decision.views if record.decision else ():
        print("  the judge thought:", view.info["thoughts"])
for role, rows in summed_by_role(record.usage for record in records).items():
    print(role, *(f"{r.model}: {r.calls} calls, {r.tokens_in} tokens in, {r.tokens_out} out" for r in rows))
