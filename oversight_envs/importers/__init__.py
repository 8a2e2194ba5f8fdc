"""Public debate transcripts as records: shown, measured, compared and judged again like one's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from oversight_envs.importers.dc_debates import import_dc_debates
from oversight_envs.importers.episodes import Imported
from oversight_envs.importers.julianmichael_debate import import_julianmichael_debate
from oversight_envs.importers.llm_debate import import_llm_debate, quality_stories
from oversight_envs.importers.nyu_debate_modeling import import_nyu_debate_modeling

__all__ = [
    "IMPORTERS",
    "Imported",
    "import_dc_debates",
    "import_julianmichael_debate",
    "import_llm_debate",
    "import_nyu_debate_modeling",
    "quality_stories",
]

IMPORTERS: Mapping[str, Callable[..., Imported]] = {
    "dc_debates": import_dc_debates,
    "julianmichael_debate": import_julianmichael_debate,
    "llm_debate": import_llm_debate,
    "nyu_debate_modeling": import_nyu_debate_modeling,
}
"""Kind of file -> what reads it."""
