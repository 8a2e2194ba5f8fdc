"""Steps per second of the environments beside other libraries' turn-based and text games, all in one run.

    pip install 'oversight-envs[benchmark]'
    python examples/benchmarks/env_overhead.py [--model] [--out examples/results/env_overhead.json]

Every game is played by fixed legal moves from reset to end, over and over, reading each observation. A step is one
call of ``step`` by a live agent. TextArena is measured twice: as a text game (``ta.make(NAME)``, whose observation is
one text, as here) and bare (``NAME-raw``, whose observation is a list of the events since the last turn, out of which
the player makes its prompt). The rows of ``stories`` and ``passages`` are the raw debate on these tasks, by a speech
with a quote that is looked up and by one without; 30 rounds show what a step costs deep in an episode. With
``--model``, the environment's own share of an episode with SmolLM2-135M.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
import warnings
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from oversight_envs import Question, Task, Verdict, debate_v0

warnings.simplefilter("ignore")
SPEECH = "<quote>the cat sat on the mat</quote> and that is why I say that it is still there, whatever they tell you."
PLAIN = "It is so, and that is why I say that it is still there, whatever they tell you."


class Cat(Task):
    """One question about a passage of 60 words."""

    name, split = "cat", "all"
    question = Question(
        "cat", "Where is the cat?", ("on the mat", "under the bed"), "At noon the cat sat on the mat. " * 10, 0
    )

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> Question:
        return self.question


class EvenJudge:
    verdict = Verdict((-0.6931471805599453, -0.6931471805599453))

    def decide(self, cases: Any) -> list[Verdict]:
        return [self.verdict for _ in cases]


def aec_game(env: Any, act: Callable[[Any, Any], Any]) -> Iterator[None]:
    """Plays a PettingZoo AEC environment for ever, one ``None`` for each live step."""
    env.reset(seed=0)
    while True:
        env.reset()
        for agent in env.agent_iter():
            observation, _, terminated, truncated, _ = env.last()
            over = terminated or truncated
            env.step(None if over else act(env.action_space(agent), observation))
            if not over:
                yield


def textarena_game(name: str, act: Callable[[int], str]) -> Iterator[None]:
    import textarena

    env = textarena.make(name)
    seed = 0
    while True:
        seed += 1
        env.reset(num_players=2, seed=seed)
        done, turn = False, 0
        while not done:
            env.get_observation()
            done, _ = env.step(act(turn))
            turn += 1
            yield
        env.close()


def games() -> dict[str, Callable[[], Iterator[None]]]:
    """Name -> a game to step through. Libraries that are not installed are left out, and said to be."""
    judge = {"judge_0": EvenJudge()}
    found: dict[str, Callable[[], Iterator[None]]] = {}

    def debate(make: Any, task: Any, rounds: int, speech: str) -> Iterator[None]:
        return aec_game(make(task=task, players=judge, rounds=rounds), lambda space, seen: speech)

    for rounds in (1, 4, 30):
        for kind, make in ("raw", debate_v0.raw_env), ("wrapped", debate_v0.env):
            name = f"oversight_envs debate_v0 {kind}, {rounds} round{'s' * (rounds > 1)}"
            found[name] = partial(debate, make, Cat(), rounds, SPEECH)
    for task in ("passages", "stories"):
        for speech in (SPEECH, PLAIN):
            name = f"oversight_envs debate_v0 raw, 1 round, {task}, {'a quote' if speech is SPEECH else 'no quote'}"
            found[name] = partial(debate, debate_v0.raw_env, task, 1, speech)
    try:
        from pettingzoo.classic import chess_v6, connect_four_v3, tictactoe_v3

        for module in (tictactoe_v3, connect_four_v3, chess_v6):
            for kind, make in ("raw", module.raw_env), ("wrapped", module.env):
                found[f"pettingzoo {module.__name__.split('.')[-1]} {kind}"] = lambda make=make: aec_game(
                    make(), lambda space, seen: int(seen["action_mask"].argmax())
                )
    except ImportError as error:
        print(f"pettingzoo's classic games are left out: {error}")
    try:
        import textarena  # noqa: F401

        moves: dict[str, Callable[[int], str]] = {
            "IteratedPrisonersDilemma-v0": lambda turn: "[cooperate]",
            "TruthAndDeception-v0": lambda turn: "[Fact 1]",
            "TicTacToe-v0": lambda turn: f"[{turn % 9}]",
            "ConnectFour-v0": lambda turn: f"[col {turn % 7}]",
        }
        for name, act in moves.items():
            found[f"textarena {name}"] = lambda name=name, act=act: textarena_game(name, act)
            found[f"textarena {name}-raw (no text made)"] = lambda name=name, act=act: textarena_game(
                f"{name}-raw", act
            )
    except ImportError as error:
        print(f"textarena is left out: {error}")
    return found


def rate(game: Iterator[None], seconds: float) -> float:
    for _ in range(20):
        next(game)
    steps, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds:
        for _ in range(20):
            next(game)
        steps += 20
    return steps / elapsed


def share_with_a_model() -> float:
    """The part of a debate's wall time that is neither the debaters' nor the judge's model."""
    from oversight_envs.agents import LanguageModelAgent
    from oversight_envs.judges import LogitJudge
    from oversight_envs.models import load
    from oversight_envs.play import rollout
    from oversight_envs.protocols import Debate
    from oversight_envs.tasks import make_task

    spent = 0.0

    class Timed:
        def __init__(self, player: Any) -> None:
            self.player = player

        def __getattr__(self, name: str) -> Any:
            method = getattr(self.player, name)

            def timed(asks: Any) -> Any:
                nonlocal spent
                start = time.perf_counter()
                try:
                    return method(asks)
                finally:
                    spent += time.perf_counter() - start

            return timed if name in ("speak", "decide") else method

    model = load("smollm2-135m")
    debater = Timed(LanguageModelAgent(model, max_new_tokens=64))
    players = {"debater_0": debater, "debater_1": debater, "judge_0": Timed(LogitJudge(model))}
    task = make_task("passages")
    rollout(Debate(), task, players, questions=1)  # warm-up
    spent, start = 0.0, time.perf_counter()
    rollout(Debate(), task, players, questions=5, concurrency=1)
    return 1 - spent / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=1.0, help="measured time for each game and repetition")
    parser.add_argument("--repeats", type=int, default=3, help="the best of so many is reported")
    parser.add_argument("--model", action="store_true", help="also measure the share of an episode with SmolLM2-135M")
    parser.add_argument("--out", type=Path, help="write the numbers to this JSON file")
    arguments = parser.parse_args()
    chosen = games()
    best = dict.fromkeys(chosen, 0.0)
    for _ in range(arguments.repeats):  # interleaved, so that a slow moment of the machine does not hit one game only
        for name, make in chosen.items():
            best[name] = max(best[name], rate(make(), arguments.seconds))
    base = best["oversight_envs debate_v0 raw, 1 round"]
    for name, steps in sorted(best.items(), key=lambda item: -item[1]):
        print(f"{steps:10,.0f} steps/s  {steps / base:6.2f}x  {name}")
    result: dict[str, Any] = {"steps_per_s": best}
    if arguments.model:
        result["share_with_smollm2"] = share_with_a_model()
        print(f"the environment's share of a debate with SmolLM2-135M: {result['share_with_smollm2']:.2%}")
    if arguments.out:
        result |= {"date": date.today().isoformat(), "python": platform.python_version()}
        result |= {"versions": {name: version(name) for name in ("oversight-envs", "pettingzoo", "numpy")}}
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
