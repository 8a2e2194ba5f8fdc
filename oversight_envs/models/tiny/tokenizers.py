"""Tokenizers over the closed vocabularies of the procedural tasks.

Word by word, but that words which always stand together are one token: a line of a story is four, ``Day 3:``, ``Ann``,
``moved the kettle`` and ``to the attic.``, and one n-gram sees it whole. A number is one token. What a model writes
decodes to text as the environments read it: ``<quote>Day 3: Ann moved the kettle to the attic.</quote>``,
``7 + 5 = 12 ;``, ``Answer: 29`` at the start of a line; and encoding that text gives the same tokens again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from oversight_envs.prompts import load_wording, own_entries
from oversight_envs.tasks import stories

SPECIAL = ("<pad>", "<unk>", "<end>", "<system>", "<user>", "<assistant>")

CHAT_TEMPLATE = (
    "{% for message in messages %}<{{ message.role }}>{{ message.content }}<end>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)

_WORD = r"</?(?:[vu]_)?quote>|\n|\w+|[^\w\s]"

# What a judge may see beside what was said: marks around quotes, "[quote]" in the place of one, "(quote>" for a tag
# that a player forged, "(nothing)" for no speech, and "> " before every line.
_TAGS = [f"<{slash}{mark}quote>" for mark in ("", "v_", "u_") for slash in ("", "/")]
_SHOWN = [*_TAGS, *"<>()[]/", "quote", "v_quote", "u_quote", "nothing"]

MAX_DAY = 20
MAX_NUMBER = 99


def stories_tokenizer() -> PreTrainedTokenizerFast:
    """For debates and direct judgment on ``Stories``, in the wording ``tiny_debate``."""
    days, places, things = range(1, MAX_DAY + 1), stories.PLACES, stories.TYPICAL
    phrases = [
        *(phrase for day in days for phrase in (f"Day {day}:", f"at the end of day {day}?")),
        *(phrase for place in places for phrase in (f"to the {place}.", f"the {place}")),
        *(phrase for thing in things for phrase in (f"moved the {thing}", f"Where was the {thing}", f"the {thing}")),
    ]
    plain = "Where was the at the end of day? Day moved to the: . , A or B"
    words = [*_wording("debate", "tiny_debate"), *_wording("direct", "tiny_debate"), *_words(plain)]
    return _build([*words, *_SHOWN, *map(str, days), *stories.NAMES, *places, *things], phrases)


def arithmetic_tokenizer() -> PreTrainedTokenizerFast:
    """For the prover-verifier game on ``Arithmetic(style="chain")``, in the wording ``tiny_prover_verifier``."""
    plain = "Work from left to right Answer: + - x = ; . , Yes or No"
    words = [*_wording("prover_verifier", "tiny_prover_verifier"), *_words(plain)]
    numbers = map(str, range(MAX_NUMBER + 1))
    return _build([*words, *_SHOWN, *numbers], ["Work from left to right:", "Answer:"])


def number_tokens(tokenizer: PreTrainedTokenizerFast) -> dict[int, int]:
    """Token id -> the number that it stands for."""
    return {index: int(token) for token, index in tokenizer.get_vocab().items() if token.isdecimal()}


def _build(words: Iterable[str], phrases: Sequence[str]) -> PreTrainedTokenizerFast:
    """A tokenizer that knows these words, and reads each of the phrases as one token."""
    vocabulary = {token: number for number, token in enumerate(dict.fromkeys([*SPECIAL, "\n", *words, *phrases]))}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    # blank lines carry nothing, and would only push words out of sight of an n-gram
    backend.normalizer = normalizers.Sequence([normalizers.Replace(Regex(r"\s*\n\s*"), "\n"), normalizers.Strip()])
    longest_first = sorted(phrases, key=len, reverse=True)
    pieces = Regex(rf"(?:{'|'.join(map(re.escape, longest_first))})(?!\w)|{_WORD}")
    backend.pre_tokenizer = pre_tokenizers.Split(pieces, behavior="removed", invert=True)
    # a space before every token but the first, then out again with those that don't belong
    tidy = [(" :", ":"), (" .", "."), (" ?", "?"), ("quote> ", "quote>"), (" </", "</"), (" \n ", "\n")]
    backend.decoder = decoders.Sequence(
        [
            decoders.WordPiece(prefix="\0", cleanup=False),
            decoders.Fuse(),
            *(decoders.Replace(spaced, written) for spaced, written in tidy),
        ]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="<pad>",
        unk_token="<unk>",
        eos_token="<end>",
        extra_special_tokens=["<system>", "<user>", "<assistant>"],
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
    )


def _wording(game: str, wording: str) -> Sequence[str]:
    """The words of a wording's own templates, without what is filled in. Others are none of a tiny model's game."""
    own = own_entries(game, wording)
    templates = [template for name, template in load_wording(game, wording).items() if name in own]
    return _words(re.sub(r"\{\w+\}", " ", " ".join(templates)))


def _words(text: str) -> list[str]:
    return [word for word in re.findall(_WORD, text) if word != "\n"]
