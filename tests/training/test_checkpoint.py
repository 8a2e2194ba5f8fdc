"""Checkpoints, through crashes and kills."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import time
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from training_games import Bag, attempts, debates, judge_model, play, same, tiny, tokenizer, train, weights

from oversight_envs.core.seeding import derive_seed
from oversight_envs.judges.language_model import LogitJudge
from oversight_envs.training import (
    PPO,
    CheckpointError,
    Checkpoints,
    JudgeConfig,
    JudgeTrainer,
    MetricsLog,
    PPOConfig,
    TextPolicy,
    VerifierConfig,
    VerifierTrainer,
    balanced_pairs,
)
from oversight_envs.training.checkpoint import whole_folder

pytestmark = pytest.mark.usefixtures("one_thread")


def test_a_checkpoint_is_loaded_only_into_the_same_configuration(tmp_path: Path) -> None:
    policy = TextPolicy(tiny(), max_new_tokens=3)
    ppo, _ = train(policy, PPOConfig(learning_rate=1e-2), 2)
    kept = Checkpoints(tmp_path, {"task": "colours"}, keep=2)
    assert kept.load({"policy": ppo}) is None
    for step in (1, 2, 3):
        kept.save(step, {"policy": ppo}, {"seen": step})
    assert kept.steps == [2, 3]

    def fresh(**options: Any) -> PPO:
        made = TextPolicy(tiny(**options.pop("model", {})), max_new_tokens=3)
        return PPO(made, ["speaker_0"], PPOConfig(**{"learning_rate": 1e-2, **options}))

    other = fresh()
    assert Checkpoints(tmp_path, {"task": "colours"}).latest() == (3, {"seen": 3})
    assert Checkpoints(tmp_path, {"task": "colours"}).load({"policy": other}) == (3, {"seen": 3})
    assert same(weights(other), weights(ppo))
    records = play(policy)
    assert other.step(records) == ppo.step(records)
    for wrong, match in (
        (fresh(learning_rate=2e-2), r"policy.config.learning_rate is 0.01 in the checkpoint and 0.02 in this run"),
        (fresh(model={"seed": 1}), "policy.policy.origin"),
    ):
        before = weights(wrong)
        with pytest.raises(CheckpointError, match=match):
            Checkpoints(tmp_path, {"task": "colours"}).load({"policy": wrong})
        assert same(weights(wrong), before)
    with pytest.raises(CheckpointError, match=r"config\.task is 'colours' in the checkpoint and 'sums'"):
        Checkpoints(tmp_path, {"task": "sums"}).load({"policy": fresh()})
    with pytest.raises(CheckpointError, match="judge is only in this run"):
        Checkpoints(tmp_path, {"task": "colours"}).load({"policy": fresh(), "judge": fresh()})
    (tmp_path / "step-000000003" / "policy.safetensors").write_bytes(b"broken")
    with pytest.raises(CheckpointError, match="can't be read"):
        Checkpoints(tmp_path, {"task": "colours"}).load({"policy": fresh()})


def test_judges_and_verifiers_go_on_where_they_were(tmp_path: Path) -> None:
    lm, made = judge_model(), tokenizer()
    records = debates(LogitJudge(lm), both_orders=True)
    pairs = balanced_pairs(attempts(), np.random.default_rng(0)).pairs

    def trainers() -> dict[str, Any]:
        judge = JudgeTrainer(deepcopy(lm), JudgeConfig(learning_rate=1e-3, minibatches=2))
        bag = VerifierTrainer(Bag(), VerifierConfig(learning_rate=0.1), encode=lambda _, text: made(text)["input_ids"])
        return {"judge": judge, "verifier": bag}

    first, second = trainers(), trainers()
    for _ in range(2):
        first["judge"].step(records), first["verifier"].step(pairs)
    Checkpoints(tmp_path).save(2, first)
    assert Checkpoints(tmp_path).load(second) == (2, {})
    for name, batch in (("judge", records), ("verifier", pairs)):
        assert first[name].step(batch) == second[name].step(batch)
        assert same(first[name].tensors(), second[name].tensors())


def test_a_folder_is_whole_or_not_there(tmp_path: Path) -> None:
    def write(text: str, fail: bool) -> None:
        with whole_folder(tmp_path / "x") as folder:
            (folder / "a").write_text(text)
            if fail:
                raise OSError("No space left on device")

    with pytest.raises(OSError, match="space"):
        write("one", fail=True)
    assert list(tmp_path.iterdir()) == []
    write("two", fail=False)
    with pytest.raises(OSError, match="space"):
        write("three", fail=True)
    assert (tmp_path / "x" / "a").read_text() == "two"
    write("four", fail=False)
    assert (tmp_path / "x" / "a").read_text() == "four"
    assert [p.name for p in tmp_path.iterdir()] == ["x"]
    (tmp_path / ".unfinished-step-000000009").mkdir()
    (tmp_path / ".unfinished-file").touch()
    assert Checkpoints(tmp_path).steps == []
    assert [p.name for p in tmp_path.iterdir()] == ["x"]
    (tmp_path / ".unfinished-x").touch()
    write("five", fail=False)
    assert [p.name for p in tmp_path.iterdir()] == ["x"]
    with pytest.raises(ValueError, match="is no folder"), whole_folder(tmp_path / "x" / "a"):
        pass


def test_a_damaged_checkpoint_is_named_with_what_is_missing(tmp_path: Path) -> None:
    kept = Checkpoints(tmp_path)
    place = kept.save(1, {"part": Counter(1)}, {"seen": 1})
    whole = json.loads((place / "state.json").read_text())
    for change, match in (
        *(
            (dict.fromkeys([field]), rf"state\.json.*field '{field}' is None")
            for field in ("step", "identity", "extra")
        ),
        ({"schema": 9}, "schema 9"),
        ({"step": "1"}, "field 'step' is '1'"),
    ):
        (place / "state.json").write_text(json.dumps(whole | change))
        for load in (kept.latest, lambda: kept.load({"part": Counter()})):
            with pytest.raises(CheckpointError, match=match):
                load()
    for text, match in (
        ("{}", "field 'schema' is missing"),
        ("[]", "no JSON object"),
        ("[" * 100_000, "can't be read"),
    ):
        (place / "state.json").write_text(text)
        with pytest.raises(CheckpointError, match=match):
            kept.latest()
    (place / "state.json").write_text(json.dumps(whole))
    save_file({"other": torch.tensor(1)}, place / "part.safetensors")
    with pytest.raises(CheckpointError, match=r"part\.safetensors.*tensor 'count' is missing"):
        kept.load({"part": Counter()})


def test_an_optimiser_takes_over_all_or_nothing(tmp_path: Path) -> None:
    ppo, _ = train(TextPolicy(tiny(), max_new_tokens=3), PPOConfig(learning_rate=1e-2), 1)
    whole = {name: tensor.clone() for name, tensor in ppo.tensors().items()}
    moment = next(name for name in whole if name.endswith("exp_avg"))
    weight = next(name for name in whole if name.startswith("weights/"))
    for missing, error in (("steps", KeyError), (moment, ValueError), (weight, ValueError)):
        other = PPO(TextPolicy(tiny(), max_new_tokens=3), ["speaker_0"], PPOConfig(learning_rate=1e-2))
        before = weights(other)
        with pytest.raises(error, match=missing.rpartition("/")[2]):
            other.load({name: tensor for name, tensor in whole.items() if name != missing})
        assert same(weights(other), before)


@dataclass
class Counter:
    """The least that can be checkpointed."""

    count: int = 0
    identity: ClassVar[dict[str, Any]] = {"type": "Counter"}

    def tensors(self) -> dict[str, torch.Tensor]:
        return {"count": torch.tensor(self.count)}

    def load(self, tensors: Mapping[str, torch.Tensor]) -> None:
        self.count = int(tensors["count"])


def die_at_every_step_of_saving(folder: str) -> None:
    """Saves a checkpoint in children that die before their n-th call to the file system, for every n."""
    for n in range(1, 1000):
        place = Path(folder) / str(n)
        for step in (1, 2):
            Checkpoints(place, keep=2).save(step, {"part": Counter(step)})
        child = os.fork()
        if child == 0:
            calls = 0

            def dying(method: Any) -> Any:
                def called(*args: Any, **kwargs: Any) -> Any:
                    nonlocal calls
                    calls += 1
                    if calls == n:  # noqa: B023  in this very child
                        os._exit(9)
                    return method(*args, **kwargs)

                return called

            for name in ("open", "fsync", "rename", "mkdir", "unlink", "rmdir", "close"):
                setattr(os, name, dying(getattr(os, name)))
            Checkpoints(place, keep=2).save(3, {"part": Counter(3)})
            os._exit(0)
        finished = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        found = Counter()
        kept = Checkpoints(place, keep=2)
        loaded = kept.load({"part": found})
        assert loaded is not None
        assert loaded[0] == found.count >= 2
        assert all(path.name.startswith("step-") for path in place.iterdir())
        if finished:
            assert n > 10
            assert kept.steps == [2, 3]
            return


def spawn(target: Any, folder: Path) -> Any:
    """A process that imports what it needs once for all: from a server without threads, so that it may fork."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["oversight_envs.training.ppo", "transformers.models.llama.modeling_llama"])
    process = context.Process(target=target, args=(str(folder),))
    process.start()
    return process


def test_a_kill_amid_saving_leaves_a_checkpoint_that_loads(tmp_path: Path) -> None:
    process = spawn(die_at_every_step_of_saving, tmp_path)
    process.join()
    assert process.exitcode == 0


STEPS = 40


def run_to_the_end(folder: str) -> None:
    """A small run as a recipe has it: it goes on from its latest checkpoint, whatever killed it."""
    torch.set_num_threads(1)
    policy = TextPolicy(tiny(), max_new_tokens=3)
    ppo = PPO(policy, ["speaker_0"], PPOConfig(learning_rate=3e-3, epochs=2, minibatches=2))
    kept = Checkpoints(Path(folder) / "checkpoints", {"run": "test"})
    done = (kept.load({"policy": ppo}) or (0, {}))[0]
    with MetricsLog(folder, after=done, tensorboard=False) as log:
        for step in range(done + 1, STEPS + 1):
            policy.lm.forget()
            log.write(step, ppo.step(play(policy, samples=4, seed=derive_seed("step", step))))
            if step % 3 == 0 or step == STEPS:
                kept.save(step, {"policy": ppo})


def test_a_killed_run_ends_with_the_same_numbers(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    process = spawn(run_to_the_end, whole)
    rng, kills = random.Random(), 0
    process.join()
    assert process.exitcode == 0
    while kills < 4:
        process = spawn(run_to_the_end, killed)
        lines = killed / "metrics.jsonl"
        began = len(lines.read_bytes()) if lines.exists() else 0
        while process.is_alive() and (not lines.exists() or len(lines.read_bytes()) <= began):
            time.sleep(0.005)  # until it has begun to train
        time.sleep(rng.uniform(0, 0.25))
        if not process.is_alive():
            break
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        kills += 1
    process = spawn(run_to_the_end, killed)
    process.join()
    assert process.exitcode == 0
    assert kills
    assert (killed / "metrics.jsonl").read_text() == (whole / "metrics.jsonl").read_text()
    last = f"checkpoints/step-{STEPS:09d}"
    for name in ("policy.safetensors", "state.json"):
        assert (killed / last / name).read_bytes() == (whole / last / name).read_bytes()
    assert len(json.loads((whole / "metrics.jsonl").read_text().splitlines()[-1])) > 10
