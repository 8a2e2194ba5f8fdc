"""Control tokens that players write, told apart from a server's own.

Servers put messages into a chat template and tokenise the whole (llama.cpp's and transformers' do), so ``<|im_end|>``
in a speech would end its message there, and what follows could pass for the system's or the judge's own words. Which
tokens a model has is not known here: whatever is spelt like one of the common families is changed by one space.
"""

from __future__ import annotations

import re

_FAMILIES = (
    r"<[|\uff5c][^<>\n]{1,60}[|\uff5c]>",  # ChatML, OpenAI, Llama 3, Phi, Command R; DeepSeek
    r"</?s>|<</?SYS>>|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\]",  # Llama 2, Mistral
    r"<(?:start|end)_of_turn>|<(?:bos|eos|pad|unk|sop|eop)>|<[A-Z]{2,10}_TOKEN>|\[gMASK\]",  # Gemma, Command R, GLM
)
_CONTROL = re.compile("|".join(_FAMILIES))


def parted(text: str) -> str:
    """``text`` with a space inside everything that is spelt like a control token: ``< |im_end|>``."""
    return _CONTROL.sub(lambda match: f"{match[0][0]} {match[0][1:]}", text)
