"""Players that other processes can import, for the tests of Ray."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from oversight_envs import PlayerError, Speech, Turn
from oversight_envs.testing import Puppet


@dataclass(frozen=True)
class EndsItsProcess:
    """Speaks as ``Puppet`` does, but ends its process at the question ``at``: once for each name in ``marks``."""

    at: str
    marks: Path
    times: int = 1

    def speak(self, turns: Sequence[Turn]) -> list[Speech]:
        if any(turn.question_id == self.at for turn in turns):
            done = len(list(self.marks.iterdir()))
            if done < self.times:
                (self.marks / str(done)).touch()
                os._exit(1)
        return Puppet().speak(turns)


class OwnError(PlayerError):
    """An exception of the user's."""


@dataclass(frozen=True)
class Raises:
    """Speaks as ``Puppet`` does, and raises at the question ``at``."""

    at: str

    def speak(self, turns: Sequence[Turn]) -> list[Speech]:
        if any(turn.question_id == self.at for turn in turns):
            raise OwnError(f"no word on the {self.at}")
        return Puppet().speak(turns)
