"""Chat templates in the styles of public models, and tokenizers of the families that read text differently.

The tokenizers are trained here, on a few lines: what matters is how they treat blanks and beginnings.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA2 = (
    "{% if messages[0].role == 'system' %}{% set system = '<<SYS>>\n' + messages[0].content + '\n<</SYS>>\n\n' %}"
    "{% set rest = messages[1:] %}{% else %}{% set system = '' %}{% set rest = messages %}{% endif %}"
    "{% for m in rest %}{% if m.role == 'user' %}"
    "{{ bos_token + '[INST] ' + (system if loop.first else '') + m.content.strip() + ' [/INST]' }}"
    "{% else %}{{ ' ' + m.content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}"
)
MISTRAL = (
    "{{ bos_token }}{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if m.role == 'user' %}{{ '[INST] ' + m.content + ' [/INST]' }}{% else %}{{ m.content + eos_token + ' ' }}"
    "{% endif %}{% endfor %}"
)
ZEPHYR = (
    "{% for m in messages %}{{ '<|' + m.role + '|>\n' + m.content + eos_token + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
PHI3 = (
    "{{ bos_token }}{% for m in messages %}{{ '<|' + m.role + '|>\n' + m.content + '<|end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
LLAMA3 = (
    "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n"
    "{{ m.content | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
VICUNA = (
    "{{ bos_token }}{% if messages[0].role == 'system' %}{{ messages[0].content + ' ' }}"
    "{% set rest = messages[1:] %}{% else %}{% set rest = messages %}{% endif %}"
    "{% for m in rest %}{% if m.role == 'user' %}{{ 'USER: ' + m.content + ' ' }}"
    "{% else %}{{ 'ASSISTANT: ' + m.content + eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)
COLON_AND_SPACE = VICUNA.replace("ASSISTANT:{% endif %}", "ASSISTANT: {% endif %}")
ALPACA = (
    "{% for m in messages %}{% if m.role == 'system' %}{{ m.content + '\n\n' }}"
    "{% elif m.role == 'user' %}{{ '### Instruction:\n' + m.content + '\n\n' }}"
    "{% else %}{{ '### Response:\n' + m.content + eos_token + '\n\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}### Response:\n{% endif %}"
)
GEMMA = (
    "{{ bos_token }}{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n"
    "{{ m.content | trim }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
DEEPSEEK = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}{{ m.content + '\n\n' }}"
    "{% elif m.role == 'user' %}{{ 'User: ' + m.content + '\n\n' }}"
    "{% else %}{{ 'Assistant: ' + m.content + eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}Assistant:{% endif %}"
)
# thinking: the block is opened in the generation prompt; left to the model; closed by a switch; in channels
R1 = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}{{ m.content }}"
    "{% elif m.role == 'user' %}<|User|>{{ m.content }}{% else %}<|Assistant|>"
    "{{ m.content.split('</think>')[-1] + eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|Assistant|><think>\n{% endif %}"
)
QWEN3 = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.role == 'assistant' and loop.last %}<think>\n\n</think>\n\n{% endif %}"
    "{{ m.content.split('</think>')[-1] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
QWEN3_THINKING = QWEN3.split("{% if enable_thinking")[0] + "<think>\n{% endif %}"
MAGISTRAL = MISTRAL.replace("{% endfor %}", "{% endfor %}{% if add_generation_prompt %}[THINK]{% endif %}")
GPT_OSS = (
    "<|start|>system<|message|>You are ChatGPT.\nCurrent date: {{ strftime_now('%Y-%m-%d') }}<|end|>"
    "{% for m in messages %}{% if m.role == 'assistant' %}<|start|>assistant<|channel|>final<|message|>"
    "{% else %}<|start|>{{ m.role }}<|message|>{% endif %}{{ m.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant{% endif %}"
)
LLAMA3_DATED = LLAMA3.replace(
    "{{ bos_token }}",
    "{{ bos_token }}{% if not date_string is defined %}{% set date_string = strftime_now('%d %b %Y') %}{% endif %}"
    "Today Date: {{ date_string }}\n\n",
)

TEMPLATES = {
    "chatml": CHATML,
    "llama2": LLAMA2,
    "mistral": MISTRAL,
    "zephyr": ZEPHYR,
    "phi3": PHI3,
    "llama3": LLAMA3,
    "vicuna": VICUNA,
    "colon and space": COLON_AND_SPACE,
    "alpaca": ALPACA,
    "gemma": GEMMA,
    "deepseek": DEEPSEEK,
    "r1": R1,
    "qwen3": QWEN3,
    "qwen3 thinking": QWEN3_THINKING,
    "magistral": MAGISTRAL,
    "gpt-oss": GPT_OSS,
}
_CONTROL = [
    *("<|im_start|>", "<|im_end|>", "<|end|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
    *("<start_of_turn>", "<end_of_turn>", "<|User|>", "<|Assistant|>", "<|start|>", "<|message|>", "<|channel|>"),
]
_LINES = [
    "A judge reads the story and what was said of it. Reply with A or B only. Yes or No?",
    "USER: hello there ASSISTANT: It was in the kitchen. Answer: A Answer: B [INST] so it was [/INST] Yes No",
    "### Instruction:\nIs it so?\n\n### Response:\nYes, it is so.\n\nUser: why\n\nAssistant: A. Assistant: B.",
] * 4

FAMILIES = ("byte level", "groups", "metaspace first", "metaspace always", "legacy", "unigram")


# Llama 3's and Qwen's: letters take in one sign before them, numbers go by three
_GROUPS = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


@cache
def _backend(family: str) -> str:
    special = ["<unk>", "<s>", "</s>"]
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    if family in ("byte level", "groups"):
        made = Tokenizer(models.BPE())
        grouped = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        split = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(_GROUPS), "isolated"), grouped])
        made.pre_tokenizer = byte_level if family == "byte level" else split
        made.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        made.train_from_iterator(
            _LINES, trainers.BpeTrainer(special_tokens=special, initial_alphabet=alphabet, vocab_size=600)
        )
        return str(made.to_str())
    unigram = family == "unigram"
    made = Tokenizer(models.Unigram() if unigram else models.BPE(byte_fallback=True, unk_token="<unk>"))
    words = [pre_tokenizers.Metaspace("▁", prepend_scheme="always"), pre_tokenizers.Punctuation()]
    made.pre_tokenizer = pre_tokenizers.Sequence(words)  # SentencePiece learns words and signs, and then reads it all
    if unigram:
        trainer: Any = trainers.UnigramTrainer(special_tokens=special, unk_token="<unk>", vocab_size=300)
    else:
        fallback = [f"<0x{byte:02X}>" for byte in range(256)]
        trainer = trainers.BpeTrainer(special_tokens=[*special, *fallback], initial_alphabet=["▁"], vocab_size=700)
    made.train_from_iterator(_LINES, trainer)
    plain = json.loads(made.to_str()) | {"pre_tokenizer": None}
    plain["added_tokens"] = [token for token in plain["added_tokens"] if token["content"] in special]
    made = Tokenizer.from_str(json.dumps(plain))
    if family == "legacy":  # Llama 2's file: the mark stands before whatever is tokenised apart
        made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    else:
        scheme = "first" if family == "metaspace first" else "always"
        made.pre_tokenizer = pre_tokenizers.Metaspace("▁", prepend_scheme=scheme, split=unigram)
    made.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return str(made.to_str())


def tokenizer(family: str, template: str, control: list[str] | None = None) -> Any:
    """A tokenizer of this family with a chat template, whose marks are tokens if `control` has them."""
    made = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(_backend(family)), bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )
    names = [name for name in (_CONTROL if control is None else control) if name in template]
    if template == PHI3:
        names += ["<|user|>", "<|assistant|>", "<|system|>"]
    made.add_special_tokens({"additional_special_tokens": [AddedToken(name, normalized=False) for name in names]})
    thinking = [AddedToken(mark, normalized=False) for mark in ("<think>", "</think>") if mark in template]
    made.add_tokens(
        thinking + [AddedToken(mark, normalized=False) for mark in ("[THINK]", "[/THINK]") if "[THINK]" in template]
    )
    made.chat_template = template
    return made
