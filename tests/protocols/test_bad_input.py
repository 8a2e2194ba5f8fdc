"""What a user can get wrong with games and their wording."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from oversight_envs.protocols import PROTOCOLS, Consultancy, Debate, Direct, ProverVerifier, find_protocol

BAD: list[tuple[type, dict[str, Any], str]] = [
    *((Debate, {"rounds": value}, "rounds=") for value in (0, "3", 2.0, True, None, np.float64(2))),
    *((ProverVerifier, {"max_words": value}, "max_words=") for value in (0, "3", 2.0, True, None)),
    *((Debate, {"quotes": value}, "quotes=") for value in ("yes", None)),
    (Direct, {"expert": "no"}, "expert='no'"),
    (Debate, {"show": None}, "show=None"),
    (Consultancy, {"judge_asks": 2}, "judge_asks=2"),
    *((Debate, {"wording": value}, "wording=") for value in (3, {"side": "{own}"}, "nope", True)),
]


@pytest.mark.parametrize(("game", "options", "message"), BAD)
def test_options_that_are_not_meant_are_refused(game: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        game(**options)


@pytest.mark.parametrize("name", [None, 3, Debate, "", "debat", "json:dumps", "no_such_module:X", ":"])
def test_names_of_no_game_are_refused(name: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="environment"):
        find_protocol(name)


def test_numpy_values_are_taken_as_what_they_are() -> None:
    game = Debate(rounds=np.int64(2), quotes=np.bool_(True), show=np.str_("quotes"))  # type: ignore[arg-type]
    assert game == Debate(rounds=2, show="quotes")
    assert {type(value) for value in game.config.values()} <= {int, bool, str, type(None)}


@pytest.mark.parametrize(
    ("game", "entry", "message"),
    [
        ("debate", "side = 'Argue well.'", r"'side' lacks \{own\}"),
        (
            "debate",
            "side = 'For {owner}: {own}.'",
            r"'side': \{owner\} is not.*are \{other\}, \{own\}",
        ),
        ("debate", "side = '{own!r}'", r"\{own\} is not filled in like this"),
        ("debate", "side = '{own:>9}'", r"\{own\} is not filled in like this"),
        ("debate", "side = '{own.__class__}'", r"\{own.__class__\} is not"),
        ("debate", "side = '{}{own}'", r"\{\} is not"),
        ("debate", "side = '{own'", "'side': .*written twice"),
        ("debate", "system = 'As {role}'", r"\{role\} is not.*the names are none"),
        ("consultancy", "side = '{own} not {other}'", r"\{other\} is not"),
        ("prover_verifier", "verifier_case = '{problem}'", r"lacks \{solution\}"),
        ("direct", "question = '{answers}'", r"lacks \{question\}"),
        ("debate", "side = 3", "must be a string"),
        ("debate", "sied = '{own}'", "unknown entries"),
    ],
)
def test_a_wording_with_wrong_names_is_refused_when_the_game_is_made(
    game: str, entry: str, message: str, tmp_path: Path
) -> None:
    file = tmp_path / "own.toml"
    file.write_text(entry)
    with pytest.raises(ValueError, match=message):
        PROTOCOLS[game](wording=str(file))  # type: ignore[call-arg]


def test_a_wording_may_use_what_is_filled_in(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text("side = '{own} {{braces}}'\ncue = 'Round {round} of {rounds}.'\nlimit = 'Be brief.'")
    assert Debate(wording=file).wording == str(file)  # type: ignore[arg-type]
    file = tmp_path / "bytes.toml"
    file.write_bytes(b"\xff")
    with pytest.raises(ValueError, match="UTF-8"):
        Debate(wording=str(file))
