"""Protocols compared in small: the same tiny players, judge and questions under each, some seeds, table and figure.

    python examples/compare_protocols.py --out runs/compare_protocols
    python examples/compare_protocols.py --out runs/one --seeds 0 --protocols debate consultancy

Each run is kept in ``--out`` when it ends. Stop it and call it again: what is there is not computed again.
"""

import argparse
from pathlib import Path

import torch
from reproduction.common import write
from reproduction.protocol_runs import GAMES, kept_runs, play_all
from reproduction.protocol_table import Results, draw, table


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--protocols", nargs="+", choices=GAMES, default=[*GAMES])
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # the models are so small that threads only wait for each other
    arguments.out.mkdir(parents=True, exist_ok=True)
    play_all(arguments.out, arguments.protocols, arguments.seeds)
    results, name = Results(kept_runs(arguments.out, arguments.protocols, arguments.seeds)), "compare_protocols"
    figures = draw(results, arguments.out, name)
    write(arguments.out, name, results.rows, table(results, figures))


if __name__ == "__main__":
    main()
