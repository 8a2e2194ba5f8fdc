"""Low-rank adapters (Hu et al., arXiv 2106.09685) through peft, without touching the global random state."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import torch

from oversight_envs.core.seeding import derive_seed

if TYPE_CHECKING:
    from peft import LoraConfig


def add_lora(model: Any, config: LoraConfig, *, seed: int = 0) -> Any:
    """Puts an adapter into ``model``, in place, and freezes all else; the ``peft.PeftModel`` around it.

    The adapter's second matrix starts at 0, so the model says at first what it said before. ``model`` itself stays the
    same object: an engine that holds it now runs it with the adapter.

    Raises ImportError without peft, and ValueError (peft's) if the config names no layer of the model.
    """
    try:
        from peft import get_peft_model
    except ModuleNotFoundError as error:
        raise ImportError("training an adapter needs the package 'peft': pip install peft") from error
    with torch.random.fork_rng():
        torch.random.manual_seed(derive_seed("lora", seed))
        return get_peft_model(model, deepcopy(config))  # it writes into what it is given
