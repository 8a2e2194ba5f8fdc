"""Anthropic's fall 2023 debate result in small: tiny models on stories, several seeds, controls, table and figures.

    python examples/reproduce_debate.py --out runs/reproduce_debate --jobs 2
    python examples/reproduce_debate.py --out runs/try --questions 192 --held-out 100 --seeds 0    # to try it out

Each run has a folder in ``--out``. Stop it and call it again: every run goes on from its last checkpoint, and what is
finished is not computed again.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import torch
from reproduction.debate_figures import draw
from reproduction.debate_results import ALONE, FROZEN, LEARN, ORACLES, Results
from reproduction.debate_table import table
from reproduction.jobs import Job, play_all

from oversight_envs.agents import ScriptedAgent
from oversight_envs.training.recipes.debate.run import DebateConfig
from oversight_envs.training.recipes.debate.tiny import best_line, each_line, tiny_debate

EVALUATIONS = 6
CONDITIONS = {
    LEARN: {"best_of": (1, 2, 4, 8, 16)},
    FROZEN: {"train_judge": False},
    ALONE: {"train_debater": False},
}


def play(folder, condition, seed, shape):
    """One run to its end; in a process of its own."""
    torch.set_num_threads(1)  # the models are so small that threads only wait for each other
    run = tiny_debate(folder, seed=seed, evaluations=EVALUATIONS, **CONDITIONS[condition], **shape)
    run.run()
    oracles = folder / ORACLES
    if condition == LEARN and not oracles.exists():
        lines = run.train_task.lines
        search = run.measures.best_of(ScriptedAgent(each_line), run.held_out_judge, (lines,))
        found = {
            "oracle: best line": asdict(run.measures.convincingness(ScriptedAgent(best_line(run.measures.questions)))),
            "oracle: line search": search[str(lines)]["convincingness"],
        }
        oracles.write_text(json.dumps(found), encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--control-seeds", type=int, nargs="+", help="seeds of the controls (default: the first 3)")
    parser.add_argument("--questions", type=int, default=1586)
    parser.add_argument("--held-out", type=int, default=500)
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time, one core each")
    arguments = parser.parse_args()
    controls = arguments.control_seeds or arguments.seeds[:3]
    runs = {
        (condition, seed): arguments.out / f"{condition.replace(' ', '_')}_{seed}"
        for condition in CONDITIONS
        for seed in (arguments.seeds if condition == LEARN else controls)
    }
    shape = {"questions": arguments.questions, "held_out": arguments.held_out}
    steps = DebateConfig(**shape).steps
    jobs = [Job("{}, seed {}".format(*run), folder, steps, (*run, shape)) for run, folder in runs.items()]
    play_all(play, jobs, arguments.jobs)
    results = Results.read(runs)
    name = "reproduce_debate"
    lines = "".join(json.dumps(row) + "\n" for row in results.rows)
    (arguments.out / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    figures = draw(results, arguments.out, name)
    (arguments.out / f"{name}.md").write_text(table(results, shape, figures), encoding="utf-8")
    print(f"{arguments.out / name}.md")


if __name__ == "__main__":
    main()
