"""The games, one protocol a file."""

from oversight_envs.protocols.consultancy import Consultancy
from oversight_envs.protocols.debate import Debate
from oversight_envs.protocols.direct import Direct
from oversight_envs.protocols.prover_verifier import ProverVerifier

__all__ = ["PROTOCOLS", "Consultancy", "Debate", "Direct", "ProverVerifier"]

PROTOCOLS = {protocol.name: protocol for protocol in (Debate, Consultancy, ProverVerifier, Direct)}
"""Protocol name -> class."""
