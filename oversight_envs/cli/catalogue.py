"""What there is: games, tasks, judges, players."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from oversight_envs.cli.game_options import Game, describe_game
from oversight_envs.judges import judge_names
from oversight_envs.protocols import PROTOCOLS
from oversight_envs.tasks import task_names

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
    "reward-model": "reward-model:MODEL: a sequence classifier with one label; as a judge, by each answer's score",
    "panel": "panel:KIND:MODEL+KIND:MODEL: several of these as one, by the mean of their log-odds",
    "ranking": "ranking:MODEL or ranking:KIND:MODEL: orders samples of one question, in words or as KIND chooses",
}
JUDGES = {"human": "you, at the keyboard", "oracle": "knows the answers: a dry run, and a ceiling"}
AGENTS = {
    "MODEL": "smollm2-135m (comes as a package), a hub id, a folder or a .gguf file",
    "openai:MODEL@URL": "a model behind a server, URL as http://localhost:8000/v1; openai:MODEL at OpenAI",
    "openai:MODEL?OPTIONS@URL": "the same with options, as context_length=8192&concurrency=4 (docs/servers.md)",
    "vllm:MODEL": "a hub id or folder that vLLM runs on a GPU here; vllm:MODEL?max_model_len=8192 sets its options",
    "llama:FILE.gguf": "a .gguf file (or smollm2-135m) that llama.cpp runs here, on a CPU (docs/servers.md)",
    "human": "you, at the keyboard",
    "scripted:TEXT": "says TEXT in every turn: a dry run",
    "--best-of N": "any of these, N drawn and the one kept that the judge likes best",
}


def show_catalogue(console: Console, *, verbose: bool = False) -> None:
    """Prints a table of each kind; ``verbose``: of each game also who plays, what is read and paid, and its options."""
    games = [describe_game(game) for game in PROTOCOLS.values()]
    if verbose:
        for game in games:
            _show_game(console, game)
    else:
        _show(console, "games (list --verbose: with roles, rewards and options)", {g.name: g.about for g in games})
    _show(console, "tasks (--task)", {name: TASKS.get(name, "") for name in task_names()})
    known = judge_names()
    kinds = sorted({*known["judges"], *known["verifiers"]})
    _show(console, "judges and verifiers (--judge)", {**{kind: KINDS.get(kind, "") for kind in kinds}, **JUDGES})
    _show(
        console, "rankings (in Python: a reward, and for best-of-N)", {kind: KINDS[kind] for kind in known["rankers"]}
    )
    _show(console, "players who speak (--agent)", AGENTS)


def _show_game(console: Console, game: Game) -> None:
    about = {
        "roles": "; ".join(f"{role} ({does})" for role, does in game.roles.items()),
        "who judges reads": game.judge_reads,
        "reward": ", or ".join(game.rewards),
        "from": game.source or "-",
    }
    options = {f"--option {o.name}={o.default}": f"{o.about} ({o.kind})".lstrip() for o in game.options}
    _show(console, f"{game.name}: {game.about}", about | options)


def _show(console: Console, title: str, rows: dict[str, str]) -> None:
    table = Table(
        title=Text(title), title_justify="left", title_style="bold", show_header=False, box=None, padding=(0, 2)
    )
    table.add_column(no_wrap=True, style="cyan")
    table.add_column()
    for name, about in rows.items():
        table.add_row(Text(name), Text(about))
    console.print(table)
    console.print()
