"""TRL's half of ``ppo.py``, which starts it: reads FOLDER/job.json and FOLDER/model, writes FOLDER/result.json.

It needs trl 1.12 and not oversight_envs.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
import transformers
import trl
from datasets import Dataset
from torch import Tensor, nn
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    TrainerCallback,
)
from trl.experimental.ppo import PPOConfig, PPOTrainer


class ShareOfPaid(nn.Module):
    """In the shape of a reward model: at each place, the share of paid tokens in the answer up to there."""

    base_model_prefix = "trunk"

    def __init__(self, vocabulary: int, paid: Sequence[int], prompt_width: int) -> None:
        super().__init__()
        self.trunk, self.score = Shares(vocabulary, paid, prompt_width), nn.Identity()


class Shares(nn.Module):
    def __init__(self, vocabulary: int, paid: Sequence[int], prompt_width: int) -> None:
        super().__init__()
        self.prompt_width = prompt_width
        self.register_buffer("worth", torch.zeros(vocabulary).index_fill(0, torch.tensor(paid), 1.0))

    def forward(self, input_ids: Tensor, attention_mask: Tensor, **_: Any) -> SimpleNamespace:
        answered = attention_mask.float()
        answered[:, : self.prompt_width] = 0
        shares = (self.worth[input_ids] * answered).cumsum(1) / answered.cumsum(1).clamp(min=1)
        return SimpleNamespace(hidden_states=(shares[..., None],))


class Clock(TrainerCallback):
    """Takes the time and the statistics of each step."""

    def __init__(self) -> None:
        self.steps: list[dict[str, float]] = []
        self.tokens: list[int] = []

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self.start = time.perf_counter()

    def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, float], **_: Any) -> None:
        self.steps.append({"reward": logs["objective/scores"], "kl of an answer": logs["objective/kl"]})

    def on_step_end(self, *_: Any, **__: Any) -> None:
        now = time.perf_counter()
        self.steps[-1]["seconds"] = now - self.start
        self.start = now


def main(folder: Path) -> None:
    job = json.loads((folder / "job.json").read_text())
    prompts = job["prompts"]
    tokenizer = AutoTokenizer.from_pretrained(folder / "model", padding_side="left")
    # the trainer takes every pad token for padding, and prompts hold end tokens: so these must be two
    tokenizer.pad_token_id = tokenizer.unk_token_id
    assert all(tokenizer.pad_token_id not in prompt for prompt in prompts)
    assert tokenizer.pad_token_id != tokenizer.eos_token_id
    policy, reference = (AutoModelForCausalLM.from_pretrained(folder / "model", dtype=torch.float32) for _ in range(2))
    critic = AutoModelForSequenceClassification.from_pretrained(folder / "model", num_labels=1, dtype=torch.float32)
    nn.init.zeros_(critic.score.weight)  # as ours begins
    prompt_width = max(map(len, prompts))
    reward = ShareOfPaid(policy.config.vocab_size, job["paid"], prompt_width)
    drawn: list[int] = []

    def count(_: Any, __: Any, options: Mapping[str, Tensor]) -> None:
        drawn.append(int(options["attention_mask"][:, prompt_width:].sum()))

    reward.trunk.register_forward_pre_hook(count, with_kwargs=True)
    data = Dataset.from_dict({"input_ids": prompts})
    config = PPOConfig(
        output_dir=str(folder / "out"), use_cpu=not torch.cuda.is_available(), report_to=[], save_strategy="no",
        disable_tqdm=True, num_sample_generations=0, bf16=False, gradient_checkpointing=False,
        per_device_train_batch_size=len(prompts), local_rollout_forward_batch_size=len(prompts),
        gradient_accumulation_steps=1, total_episodes=len(prompts) * job["steps"], num_ppo_epochs=job["epochs"],
        num_mini_batches=job["minibatches"], response_length=job["new_tokens"], stop_token="eos", temperature=1.0,
        kl_coef=job["kl"], cliprange=0.2, cliprange_value=0.2, vf_coef=0.1, lam=0.95, learning_rate=job["lr"],
        lr_scheduler_type="constant", warmup_steps=0, weight_decay=0.0, logging_steps=1, seed=0,
    )  # fmt: skip
    clock = Clock()
    trainer = PPOTrainer(
        config, tokenizer, policy, reference, reward, data, critic, DataCollatorWithPadding(tokenizer), data,
        callbacks=[clock],
    )  # fmt: skip
    trainer.train()
    for step, tokens in zip(clock.steps, drawn, strict=True):
        step["tokens"] = tokens
    versions = {"trl": trl.__version__, "transformers": transformers.__version__, "torch": torch.__version__}
    (folder / "result.json").write_text(json.dumps({"versions": versions, "steps": clock.steps}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
