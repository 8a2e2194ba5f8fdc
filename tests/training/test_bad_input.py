"""What a user can get wrong in training: what is meant is taken, the rest is refused by name, value and fix."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from training_games import attempts, play, tiny

from oversight_envs.training import (
    PPO,
    Checkpoints,
    JudgeConfig,
    JudgeTrainer,
    MetricsLog,
    PPOConfig,
    TextPolicy,
    VerifierConfig,
    VerifierTrainer,
    balanced_pairs,
    collect,
    judge_examples,
)
from oversight_envs.training.mixtures import labelled_solutions
from oversight_envs.training.recipes.debate.config import DebateConfig
from oversight_envs.training.recipes.prover_verifier.config import ProverVerifierConfig

pytestmark = pytest.mark.usefixtures("one_thread")

CONFIGS: tuple[Any, ...] = (PPOConfig, JudgeConfig, VerifierConfig)
NO_NUMBERS = ("3", 2.0, True, None)


@cache
def policy() -> TextPolicy:
    return TextPolicy(tiny(), max_new_tokens=3)


def log(folder: Path, *row: Any) -> None:
    with MetricsLog(folder, tensorboard=False) as opened:
        opened.write(*row)


BAD: list[tuple[Callable[[Path], Any], str]] = [
    *(
        (lambda _, make=make, name=name, value=value: make(**{name: value}), f"{name}=")
        for make, names in (
            *((config, ("epochs", "minibatches", "seed")) for config in CONFIGS),
            (DebateConfig, ("questions", "batch", "seed")),
            (ProverVerifierConfig, ("rounds", "batch", "seed")),
        )
        for name in names
        for value in NO_NUMBERS
    ),
    *((lambda _, config=config: config(betas=0.9), r"betas=0\.9: give two") for config in CONFIGS),
    *(
        (lambda _, config=config: config(lr_multipliers=[10]), r"lr_multipliers=\[10\]: give a dict")
        for config in CONFIGS
    ),
    (lambda _: PPOConfig(normalise="no"), "normalise='no'"),  # type: ignore[arg-type]
    (lambda _: JudgeConfig(mixed_precision="no"), "mixed_precision='no'"),  # type: ignore[arg-type]
    *((lambda _, n=n: TextPolicy(tiny(), max_new_tokens=n), "max_new_tokens=") for n in NO_NUMBERS),
    *((lambda _, seed=seed: TextPolicy(tiny(), seed=seed), "seed=") for seed in NO_NUMBERS),
    (lambda _: TextPolicy(None), "lm=None: give a language model"),  # type: ignore[arg-type]
    (lambda _: TextPolicy(TextPolicy), "lm=.*give a language model"),  # type: ignore[arg-type]
    (lambda _: TextPolicy(tiny(), copy="no"), "copy='no'"),  # type: ignore[arg-type]
    (lambda _: PPO(TextPolicy, ["speaker_0"]), r"policy=.*TextPolicy\(lm\)"),  # type: ignore[arg-type]
    *((lambda _, roles=roles: PPO(policy(), roles), "roles=.*give the roles") for roles in ("speaker_0", (), None, 3)),
    (lambda _: PPO(policy(), ["speaker_0"]).step(None), "records=None"),  # type: ignore[arg-type]
    (lambda _: collect(["record"], policy().lm, ["speaker_0"]), "records holds 'record'"),  # type: ignore[list-item]
    (lambda _: JudgeTrainer("smollm2-135m"), r"lm='smollm2-135m'.*load\('smollm2-135m'\)\.copy"),  # type: ignore[arg-type]
    (lambda _: judge_examples("episodes.jsonl", policy().lm), "read_episodes"),  # type: ignore[arg-type]
    (lambda _: labelled_solutions(None), "records=None"),  # type: ignore[arg-type]
    (lambda _: VerifierTrainer("tiny", encode=lambda *_: [1]), "verifier='tiny'"),  # type: ignore[arg-type]
    (lambda _: balanced_pairs(attempts(), 3), r"rng=3: give a generator"),  # type: ignore[arg-type]
    (lambda _: balanced_pairs(["right"], np.random.default_rng(0)), "solutions holds 'right'"),  # type: ignore[list-item]
    *((lambda folder, n=n: Checkpoints(folder, keep=n), "keep=") for n in (*NO_NUMBERS, 0)),
    *((lambda folder, n=n: Checkpoints(folder).save(n, {}), "step=") for n in (*NO_NUMBERS, -1, 10**9)),
    (lambda folder: Checkpoints(folder).save(1, {"a/b": policy()}), "parts has 'a/b'"),  # type: ignore[dict-item]
    (lambda folder: Checkpoints(folder).save(1, {}, {"x": {1}}), "extra must be JSON values"),
    (lambda folder: Checkpoints(folder, {"x": Path()}), "config must be JSON values"),
    *((lambda folder, n=n: log(folder, n, {}), "step=") for n in NO_NUMBERS),
    (lambda folder: log(folder, 1, {"loss": "low"}), r"values\['loss'\]='low'"),
    (lambda folder: log(folder, 1, {"loss": None}), r"values\['loss'\]=None"),
]


@pytest.mark.parametrize(("use", "message"), BAD)
def test_what_is_not_meant_is_refused(use: Callable[[Path], Any], message: str, tmp_path: Path) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        use(tmp_path)


def test_what_is_meant_is_taken(tmp_path: Path) -> None:
    config = PPOConfig(epochs=np.int64(2), learning_rate=np.float32(0.5), normalise=np.bool_(False))  # type: ignore[arg-type]
    assert json.loads(json.dumps(config.plain()))["epochs"] == 2
    Checkpoints(tmp_path).save(np.int64(3), {}, {"seen": 1})  # type: ignore[arg-type]
    assert Checkpoints(tmp_path).latest() == (3, {"seen": 1})
    log(tmp_path, np.int64(3), {"loss": np.float32(0.5)})
    records = play(policy())
    assert collect(iter(records), policy().lm, ("speaker_0",)) == collect(records, policy().lm, ("speaker_0",))  # type: ignore[arg-type]
