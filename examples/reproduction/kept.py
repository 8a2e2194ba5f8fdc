"""What a reproduction keeps between two calls: used again only where the same code and settings made it."""

import json

from oversight_envs.core.fingerprint import fingerprint
from oversight_envs.models.hf.loading import save_folder
from oversight_envs.training.checkpoint import whole_folder

MADE_BY, FOUND = "made_by", "found.json"


def kept(place, make, made_by):
    """The folder ``place``, which ``make(unfinished)`` filled: now, or earlier and by what is the same as ``made_by``.

    ``made_by`` is all that decides what is in it: functions, settings, models. This library and other packages count
    without being named. Ends the program where the folder was made by something else.
    """
    maker = fingerprint(made_by)
    if not place.exists():
        with whole_folder(place) as unfinished:
            make(unfinished)
            (unfinished / MADE_BY).write_text(maker, encoding="utf-8")
    elif not (place / MADE_BY).exists() or (place / MADE_BY).read_text("utf-8") != maker:
        raise SystemExit(f"{place} was made by other code or settings: remove it, or give another --out")
    return place


def kept_model(place, make):
    """The folder ``place`` with the language model that ``make()`` returns."""

    def save(unfinished):
        lm = make()
        save_folder(unfinished, lm.model, lm.tokenizer)

    return kept(place, save, make)


def keep_found(place, make, made_by):
    """Keeps what ``make()`` returns, as JSON has it, in the folder ``place``; ``found`` reads it."""
    kept(place, lambda unfinished: (unfinished / FOUND).write_text(json.dumps(make()), encoding="utf-8"), made_by)


def found(place):
    return json.loads((place / FOUND).read_text("utf-8"))
