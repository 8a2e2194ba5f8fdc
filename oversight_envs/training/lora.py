"""Low-rank adapters (Hu et al., arXiv 2106.09685) through peft, without touching the global random state."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from oversight_envs.core.seeding import derive_seed

if TYPE_CHECKING:
    from peft import LoraConfig


def add_lora(model: Any, config: LoraConfig, *, seed: int = 0) -> Any:
    """Puts an adapter into ``model``, in place, and freezes all else; the ``peft.PeftModel`` around it.

    The adapter's second matrix starts at 0, so the model says at first what it said before. ``model`` itself stays the
    same object: an engine that holds it now runs it with the adapter.

    Raises ImportError without peft, and ValueError if the config names no layer of the model (peft's) or ties an
    adapter to both embeddings, which can't be copied and so not be saved.
    """
    try:
        from peft import get_peft_model
    except ModuleNotFoundError as error:
        raise ImportError("training an adapter needs the package 'peft': pip install peft") from error
    if getattr(config, "ensure_weight_tying", False):
        raise ValueError(
            "lora: ensure_weight_tying=True makes an adapter that can't be saved; leave it out (embeddings that an "
            "adapter tells apart are saved untied)"
        )
    with torch.random.fork_rng():
        torch.random.manual_seed(derive_seed("lora", seed))
        return get_peft_model(model, deepcopy(config))  # it writes into what it is given


def merged(adapted: Any) -> Any:
    """A copy of a ``peft.PeftModel``'s model with the adapter in its weights; it computes what the adapted one does.

    Where input and output embeddings are one tensor and the adapter changes one of them, they are two from now on, and
    the config says so: a saved model is else tied again on loading, and is another one.
    """
    copy = deepcopy(adapted)
    model = copy.get_base_model()
    owners: dict[int, list[nn.Module]] = {}
    for module in model.modules():
        if module._parameters.get("weight") is not None:
            owners.setdefault(id(module.weight), []).append(module)
    for layer in [module.base_layer for module in model.modules() if hasattr(module, "base_layer")]:
        for module in owners.pop(id(layer.weight), [])[1:]:
            module.weight = nn.Parameter(layer.weight.detach().clone(), requires_grad=False)
            model.config.get_text_config().tie_word_embeddings = model.config.tie_word_embeddings = False
    return copy.merge_and_unload()
