"""How large must a verifier be? Rounds of the prover-verifier game against verifiers of several sizes.

    python examples/verifier_size.py --out runs/verifier_size     # about three minutes a size and round

Each size first learns to read solutions as a language model does (examples/warm_start/arithmetic.py made the shipped
one), then plays. The provers are the same. Stop it and run it again: rounds go on from their last checkpoint.
"""

import argparse
import sys
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent / "warm_start"))
from arithmetic import VERIFIER, reader
from reproduction.kept import kept

from oversight_envs.cli.progress import progress
from oversight_envs.cli.screen import stdout
from oversight_envs.report.curves import load_training
from oversight_envs.training.recipes.prover_verifier.tiny import tiny_prover_verifier

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--out", type=Path, required=True)
parser.add_argument("--sizes", type=int, nargs="+", default=[16, 24, 40, 64], help="width of the verifier's states")
parser.add_argument("--rounds", type=int, default=1)
parser.add_argument("--seed", type=int, default=0)
arguments = parser.parse_args()
torch.set_num_threads(1)  # the models are so small that threads only wait for each other

table = Table(title="after the last round")
for size in arguments.sizes:
    reads = arguments.out / f"reader-{size}"
    shape = {**VERIFIER, "hidden_size": size}

    def make(unfinished, shape=shape):
        for part in reader(shape):
            part.save_pretrained(unfinished)

    kept(reads, make, make)
    settings = {"verifier_model": str(reads), "seed": arguments.seed, "rounds": arguments.rounds}
    run = tiny_prover_verifier(arguments.out / str(size), **settings)
    with progress(stdout()) as tell:
        run.run(lambda at, name=f"verifier of width {size}", steps=run.config.steps: tell(name, at.step, steps, ""))
    training = load_training(run.folder)
    parameters = sum(p.numel() for p in run.verifier(0).model.parameters())
    if not table.columns:
        for heading in ("width", "parameters", *training.columns):
            table.add_column(heading, justify="right")
    table.add_row(str(size), f"{parameters:,}", *training.cells(training.rows[-1]))
Console(width=160).print(table)
