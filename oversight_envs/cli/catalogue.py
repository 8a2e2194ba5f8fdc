"""What there is: games, tasks, judges, players."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from oversight_envs.judges import judge_names
from oversight_envs.protocols import PROTOCOLS
from oversight_envs.tasks import task_names

GAMES = {
    "debate": "two debaters argue for opposite answers; a judge who can't read the passage decides",
    "consultancy": "one consultant argues for an answer, right or wrong, or two for both; the judge hears no debate",
    "prover_verifier": "a helpful and a sneaky prover solve a problem; a small verifier marks what they wrote",
    "critique": "a solver answers, a critic points out flaws, a judge marks the answer",
    "proposer_critic": "a proposer solves, a critic agrees or attacks, a judge decides whether the solution is right",
    "recursive_debate": "a prover splits a claim, an opponent points at a part; the last and smallest is judged",
    "interactive_proof": "a verifier questions one or two provers, then accepts, rejects or doesn't know",
    "market_making": "an adversary argues to move a predictor, who foresees what a judge will think in the end",
    "direct": "the judge alone, blind or (expert=true) with the passage: the baselines",
}
TASKS = {
    "passages": "twelve short passages and their questions; comes with the package",
    "quality": "QuALITY articles, from a file or the official release",
    "gsm8k": "GSM8K word problems, from a file or the hub",
    "jsonl": "your own questions, one JSON object a line: --task-option path=FILE",
    "csv": 'your own questions from a table: --task-option path=FILE --task-option columns=\'{"question": "query"}\'',
    "hub": "a data set of the Hugging Face hub: --task-option dataset=NAME, with columns as for csv",
    "stories": "endless procedural stories: who has what where",
    "arithmetic": "endless procedural word problems with written steps",
    "nested_sums": "endless sums that split into smaller ones, each of which can be checked",
}
KINDS = {
    "logit": "MODEL or logit:MODEL: a language model's probabilities of the labels (or of Yes and No)",
    "stated": "stated:MODEL: the probability that a model states in words",
    "sampled": "sampled:MODEL: eight votes of a model, in words",
    "reasoning": "reasoning:MODEL or reasoning:KIND:MODEL: thinks in words, then decides as KIND does (logit)",
    "reward-model": "reward-model:MODEL: any sequence classifier with one label, as a verifier",
}
JUDGES = {"human": "you, at the keyboard", "oracle": "knows the answers: a dry run, and a ceiling"}
AGENTS = {
    "MODEL": "smollm2-135m (comes as a package), a hub id, a folder or a .gguf file",
    "openai:MODEL@URL": "a model behind a server, URL as http://localhost:8000/v1; openai:MODEL at OpenAI",
    "human": "you, at the keyboard",
    "scripted:TEXT": "says TEXT in every turn: a dry run",
    "--best-of N": "any of these, N drawn and the one kept that the judge likes best",
}


def show_catalogue(console: Console) -> None:
    """Prints a table of each kind."""
    _show(console, "games", {name: GAMES.get(name, "") for name in PROTOCOLS})
    _show(console, "tasks (--task)", {name: TASKS.get(name, "") for name in task_names()})
    kinds = sorted({kind for names in judge_names().values() for kind in names})
    _show(console, "judges and verifiers (--judge)", {**{kind: KINDS.get(kind, "") for kind in kinds}, **JUDGES})
    _show(console, "players who speak (--agent)", AGENTS)


def _show(console: Console, title: str, rows: dict[str, str]) -> None:
    table = Table(title=title, title_justify="left", title_style="bold", show_header=False, box=None, padding=(0, 2))
    table.add_column(no_wrap=True, style="cyan")
    table.add_column()
    for name, about in rows.items():
        table.add_row(Text(name), Text(about))
    console.print(table)
    console.print()
