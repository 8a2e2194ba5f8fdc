"""A fingerprint is the same only where the same code, settings and weights play."""

from __future__ import annotations

import copy
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from oversight_envs.agents import BestOfNAgent, CachedPlayer, LanguageModelAgent, ScriptedAgent
from oversight_envs.core.fingerprint import Unidentified, fingerprint
from oversight_envs.judges import LogitJudge, OracleJudge
from oversight_envs.models import load
from oversight_envs.testing import check_agent

SOURCES = {
    "lambda": "player = lambda prompt: 'It is A.'",
    "constant of the module": "WORDS = 'It is A.'\ndef player(prompt): return WORDS",
    "helper": "def help(): return 'It is A.'\ndef player(prompt): return help()",
    "default": "def player(prompt, words='It is A.'): return words",
    "closure": "def make(words):\n    return lambda prompt: words\nplayer = make('It is A.')",
    "inner function": "def player(prompt):\n    def inner(): return 'It is A.'\n    return inner()",
    "bound argument": "from functools import partial\nplayer = partial(lambda words, prompt: words, 'It is A.')",
    "method": "class Agent:\n    def speak(self, turns): return ['It is A.']\nplayer = Agent()",
    "class attribute": "class Agent:\n    words = 'It is A.'\nplayer = Agent()",
    "base class": "class Base:\n    words = 'It is A.'\nclass Agent(Base): pass\nplayer = Agent()",
    "setting": "class Agent:\n    def __init__(self, words): self.words = words\nplayer = Agent('It is A.')",
    "slot": "class Agent:\n    __slots__ = ('words',)\nplayer = Agent()\nplayer.words = 'It is A.'",
    "data class": "import dataclasses as d\n@d.dataclass\nclass Agent:\n    words: str\nplayer = Agent('It is A.')",
    "table": "class Table(dict): pass\nplayer = Table(words=['It is A.'])",
}


def made(source: str) -> Any:
    space: dict[str, Any] = {"__name__": "__main__"}
    exec(source, space)
    return space["player"]


@pytest.mark.parametrize("kind", SOURCES)
def test_what_a_player_is_made_of_makes_its_fingerprint(kind: str) -> None:
    source = SOURCES[kind]
    first = fingerprint(made(source))
    assert fingerprint(made(source)) == first
    assert fingerprint(made("# a comment\n\n" + source)) == first
    assert fingerprint(made(source.replace("It is A.", "It is B."))) != first


def test_it_is_the_same_in_another_process(tmp_path: Path) -> None:
    script = (
        "from oversight_envs.core.fingerprint import fingerprint\n"
        "from oversight_envs.agents import ScriptedAgent\n"
        "words = {'a', 'b', 'c'}\n"
        "print(fingerprint(ScriptedAgent(lambda turn: str(words) + turn.role)))"
    )
    seen = {
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    assert len(seen) == 1


def test_a_module_of_ones_own_counts_by_its_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    for player in (
        "import own_words\ndef player(prompt): return own_words.words()",
        "def player(prompt):\n    from own_words import words\n    return words()",
    ):
        found = set()
        for words in ("It is A.", "It is B.", "It is A."):
            (tmp_path / "own_words.py").write_text(f"def words(): return {words!r}")
            sys.modules.pop("own_words", None)
            sys.path_importer_cache.clear()
            found.add(fingerprint(made(player)))
        assert len(found) == 2, player


def test_weights_settings_and_parts_count_and_what_was_cached_does_not() -> None:
    lm = load("tiny-stories-debater")
    players: dict[str, Callable[[], Any]] = {
        "agent": lambda: LanguageModelAgent(lm, temperature=0.5),
        "judge": lambda: LogitJudge(lm),
        "best of n": lambda: BestOfNAgent(LanguageModelAgent(lm), LogitJudge(lm), 2),
        "cached": lambda: CachedPlayer(LogitJudge(lm)),
    }
    before = {name: fingerprint(make()) for name, make in players.items()}
    assert fingerprint(LanguageModelAgent(lm, temperature=0.6)) != before["agent"]
    assert fingerprint(BestOfNAgent(LanguageModelAgent(lm), LogitJudge(lm), 3)) != before["best of n"]
    check_agent(LanguageModelAgent(lm, max_new_tokens=2))  # fills the engine's caches
    assert {name: fingerprint(make()) for name, make in players.items()} == before
    with torch.no_grad():
        next(iter(lm.model.parameters())).view(-1)[0] += 1e-3
    after = {name: fingerprint(make()) for name, make in players.items()}
    assert not set(after.values()) & set(before.values())


def test_arrays_generators_and_wrapped_functions() -> None:
    assert fingerprint(np.arange(3)) != fingerprint(np.arange(3.0))
    assert fingerprint(np.random.default_rng(1)) == fingerprint(np.random.default_rng(1))
    assert fingerprint(np.random.default_rng(1)) != fingerprint(np.random.default_rng(2))
    assert fingerprint(lru_cache(lambda: 1)) != fingerprint(lru_cache(lambda: 2))
    assert fingerprint(partial(int, base=2)) != fingerprint(partial(int, base=3))
    assert fingerprint(OracleJudge({"q": 0})) != fingerprint(OracleJudge({"q": 1}))
    assert fingerprint(ScriptedAgent(["a"])) != fingerprint(ScriptedAgent(["b"]))


def test_copying_a_player_leaves_its_fingerprint() -> None:
    class Agent:
        words = "It is A."

    agent = Agent()
    before = fingerprint(agent)
    copy.deepcopy(agent)  # which leaves a note of its slots in the class
    assert fingerprint(agent) == before


def test_a_loop_of_references_ends() -> None:
    one: dict[str, Any] = {}
    one["self"] = one
    assert fingerprint(one) == fingerprint(one)


def test_what_cannot_be_looked_into_is_named() -> None:
    class Client:
        def __init__(self) -> None:
            self.lock = threading.Lock()

    with pytest.raises(Unidentified, match=r"judge_0\.lock is a _thread.lock"):
        fingerprint(Client(), "judge_0")
    named = Client()
    named.fingerprint = "model 7 at temperature 0"  # type: ignore[attr-defined]
    assert fingerprint(named) == fingerprint(named)
