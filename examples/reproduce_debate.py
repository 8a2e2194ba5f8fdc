"""Anthropic's fall 2023 debate result in small: tiny models on stories, several seeds, controls, table and figures.

    python examples/reproduce_debate.py --out runs/reproduce_debate --jobs 2
    python examples/reproduce_debate.py --out runs/try --questions 192 --held-out 100 --seeds 0    # to try it out

Each run has a folder in ``--out``. Stop it and call it again: every run goes on from its last checkpoint, and what is
finished is not computed again.
"""

import argparse
from dataclasses import asdict, replace
from pathlib import Path

import torch
from reproduction.common import write
from reproduction.debate_ceilings import ceilings
from reproduction.debate_figures import draw
from reproduction.debate_results import (
    ALONE,
    CEILINGS,
    COUNTS,
    CRITIC,
    FEW,
    FROZEN,
    LEARN,
    MADE_UP,
    ORACLES,
    RATES,
    Results,
)
from reproduction.debate_table import table
from reproduction.jobs import Job, finished, play_all
from reproduction.kept import keep_found

from oversight_envs.agents import LanguageModelAgent, ScriptedAgent
from oversight_envs.tasks.stories import Stories
from oversight_envs.training.recipes.debate.config import DebateConfig
from oversight_envs.training.recipes.debate.tiny import (
    MAX_NEW_TOKENS,
    TUNED,
    best_line,
    each_line,
    mixed_lines,
    tiny_debate,
)

EVALUATIONS = 6
CONDITIONS = {
    LEARN: {"best_of": COUNTS, "best_of_questions": 100, "seen": 150},
    MADE_UP: {"train_debater": False, "samples": 2},
    FEW: {"questions": 64, "epochs": 50, "samples": 2, "seen": 64},
    FROZEN: {"train_judge": False},
    ALONE: {"train_debater": False},
    CRITIC: {"ppo": replace(TUNED["ppo"], estimator="gae")},
}
"""What each changes. ``FEW`` has as many steps as the others: each of its questions stands in every second one."""


def play(folder, condition, seed, shape):
    """One run to its end; in a process of its own."""
    torch.set_num_threads(1)  # the models are so small that threads only wait for each other
    settings = {"seed": seed, "evaluations": EVALUATIONS, **shape, **CONDITIONS[condition]}
    parts = {}
    if condition == MADE_UP:
        config = DebateConfig(**settings)
        stories = [
            *Stories("train").sample(config.questions, seed=seed),
            *Stories("test").sample(config.held_out, seed=seed),
        ]
        parts = dict.fromkeys(("policy", "initial"), ScriptedAgent(mixed_lines(stories, **RATES)))
    run = tiny_debate(folder, parts=parts, **settings)
    run.run()

    def search_lines():
        lines, measures = run.train_task.lines, run.best_of_measures
        every = ScriptedAgent(each_line)
        search = measures.best_of(every, run.held_out_judge, (lines,), opponent=run.initial)
        return {
            "oracle: best line": asdict(run.measures.convincingness(ScriptedAgent(best_line(run.measures.questions)))),
            "oracle: line search": search[str(lines)]["convincingness"],
        }

    if condition == LEARN:
        keep_found(folder / ORACLES, search_lines, (best_line, each_line, settings, run.initial, run.held_out_judge))


def count_ceilings():
    """How often judges could be right on debates of the initial debater and of the script, if they read perfectly."""
    torch.set_num_threads(1)
    questions = Stories("validation").sample(4000, seed=0)
    debaters = {
        ALONE: LanguageModelAgent("tiny-stories-debater", max_new_tokens=MAX_NEW_TOKENS),
        MADE_UP: ScriptedAgent(mixed_lines(questions, **RATES)),
    }
    return {
        name: {seen: asdict(found) for seen, found in ceilings(debater, questions).items()}
        for name, debater in debaters.items()
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3])
    parser.add_argument("--control-seeds", type=int, nargs="+", help="seeds of the controls (default: the first 3)")
    parser.add_argument(
        "--only",
        nargs="*",
        choices=CONDITIONS,
        default=[*CONDITIONS],
        help="conditions to play now; with none only the table is made",
    )
    parser.add_argument("--questions", type=int, default=1586)
    parser.add_argument("--held-out", type=int, default=300)
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time, one core each")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    controls = arguments.control_seeds or arguments.seeds[:3]
    seeds = dict.fromkeys(CONDITIONS, controls) | {LEARN: arguments.seeds, CRITIC: controls[:1]}
    runs = {
        (condition, seed): arguments.out / f"{condition.replace(' ', '_')}_{seed}"
        for place in range(len(arguments.seeds))  # first every condition once, then every condition again
        for condition in CONDITIONS
        for seed in seeds[condition][place : place + 1]
    }
    shape = {"questions": arguments.questions, "held_out": arguments.held_out}
    keep_found(arguments.out / CEILINGS, count_ceilings, count_ceilings)
    steps = {name: DebateConfig(**{**TUNED, **shape, **changed}).steps for name, changed in CONDITIONS.items()}
    jobs = [
        Job("{}, seed {}".format(*run), folder, steps[run[0]], (*run, shape))
        for run, folder in runs.items()
        if run[0] in arguments.only
    ]
    play_all(play, jobs, arguments.jobs)
    ended = {run: folder for run, folder in runs.items() if finished(folder)}
    if missing := [name for name in CONDITIONS if name not in {condition for condition, _ in ended}]:
        raise SystemExit(f"no table yet: no run of {', '.join(missing)} is finished")
    results = Results.read(ended, arguments.out)
    name = "reproduce_debate"
    figures = draw(results, arguments.out, name)
    write(arguments.out, name, results.rows, table(results, shape, figures))


if __name__ == "__main__":
    main()
