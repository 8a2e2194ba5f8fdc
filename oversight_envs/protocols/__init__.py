"""The games, one protocol a file."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module

from oversight_envs.core.protocol import Protocol
from oversight_envs.core.record import Record
from oversight_envs.protocols.consultancy import Consultancy
from oversight_envs.protocols.critique import Critique
from oversight_envs.protocols.debate import Debate
from oversight_envs.protocols.direct import Direct
from oversight_envs.protocols.interactive_proof import InteractiveProof
from oversight_envs.protocols.market_making import MarketMaking
from oversight_envs.protocols.proposer_critic import ProposerCritic
from oversight_envs.protocols.prover_verifier import ProverVerifier
from oversight_envs.protocols.recursive_debate import RecursiveDebate

__all__ = [
    "PROTOCOLS",
    "Consultancy",
    "Critique",
    "Debate",
    "Direct",
    "InteractiveProof",
    "MarketMaking",
    "ProposerCritic",
    "ProverVerifier",
    "RecursiveDebate",
    "explained",
    "find_protocol",
]

PROTOCOLS: dict[str, type[Protocol]] = {
    protocol.name: protocol
    for protocol in (
        Debate,
        Consultancy,
        ProverVerifier,
        Critique,
        ProposerCritic,
        RecursiveDebate,
        InteractiveProof,
        MarketMaking,
        Direct,
    )
}
"""Protocol name -> class."""


def explained(record: Record) -> Sequence[str]:
    """What each statement of a record says in the terms of its game, if that is one of ours; else empty texts."""
    return PROTOCOLS.get(record.protocol, Protocol).explained(record)


def find_protocol(name: str) -> type[Protocol]:
    """The game called ``name`` (``debate``, ``debate_v0``, ``prover-verifier``), or your own as ``module:Class``.

    Raises ValueError, naming the nearest, for an unknown one.
    """
    if not isinstance(name, str):
        raise TypeError(f"environment {name!r:.80}: give the name of a game, one of {', '.join(PROTOCOLS)}")
    if ":" in name:
        module, _, attribute = name.partition(":")
        try:
            cls = getattr(import_module(module), attribute)
        except (ImportError, AttributeError, ValueError) as error:
            raise ValueError(f"environment {name!r}: {error}") from error
        if not (isinstance(cls, type) and issubclass(cls, Protocol)):
            raise ValueError(f"environment {name!r} is no Protocol: give a subclass of oversight_envs.Protocol")
        return cls
    key = name.removesuffix("-v0").removesuffix("_v0").replace("-", "_").removeprefix("oversight/")
    if key not in PROTOCOLS:
        close = get_close_matches(name, PROTOCOLS, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise ValueError(
            f"no environment is called {name!r}: {hint}choose one of {', '.join(PROTOCOLS)}, or your own as "
            "package.module:Class"
        )
    return PROTOCOLS[key]
