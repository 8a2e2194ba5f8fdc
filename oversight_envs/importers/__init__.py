"""Public debate transcripts as records: shown, measured, compared and judged again like one's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from oversight_envs.importers.llm_debate import Imported, import_llm_debate, quality_stories

__all__ = ["IMPORTERS", "Imported", "import_llm_debate", "quality_stories"]

IMPORTERS: Mapping[str, Callable[..., Imported]] = {"llm_debate": import_llm_debate}
"""Kind of file -> what reads it."""
