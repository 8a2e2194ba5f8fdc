"""Debates in several processes, on this machine or on a cluster's; the records are those of one process.

    python examples/ray_rollout.py --workers 2
    python examples/ray_rollout.py --address head:6379 --model openai:MODEL@http://localhost:8000/v1

Needs ``pip install 'oversight-envs[ray]'``; docs/cluster.md has the rest.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from oversight_envs import rollout
from oversight_envs.play import RayEngine


def main(given: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2-135m", help="who debates")
    parser.add_argument("--judge", default="smollm2-135m", help="who judges")
    parser.add_argument("--questions", type=int, default=8)
    parser.add_argument("--workers", type=int, help="[default: as many as there is room for]")
    parser.add_argument("--num-gpus", type=float, default=0, help="of each worker")
    parser.add_argument("--address", help="of a cluster [default: RAY_ADDRESS, or a new one on this machine]")
    parser.add_argument("--out", type=Path, default=Path("runs/ray"))
    args = parser.parse_args(given)

    engine = RayEngine(workers=args.workers, num_gpus=args.num_gpus, address=args.address)
    players = {"debater_0": args.model, "debater_1": args.model, "judge_0": args.judge}
    file = args.out / "episodes.jsonl"
    records = rollout("debate", "passages", players, questions=args.questions, path=file, engine=engine)
    print(*records, sep="\n\n")


if __name__ == "__main__":
    main()
