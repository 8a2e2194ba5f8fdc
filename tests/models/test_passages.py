"""Passages cut to what a model can read."""

from __future__ import annotations

import pytest

from oversight_envs.core.question import Question
from oversight_envs.models import LanguageModel, fit_passage


def test_passages_are_cut_at_a_sentence_or_word(tiny: LanguageModel) -> None:
    question = Question(
        "q", "?", passage="First one here. Second, “quoted one.” Third and last one.", metadata={"k": 1}
    )
    assert fit_passage(question, tiny, 10_000) is question
    ends = set()
    for limit in range(1, 30):
        cut = fit_passage(question, tiny, limit)
        if cut is question:
            continue
        assert len(tiny.chat.encode_text(cut.passage)) <= limit
        assert question.passage.startswith(cut.passage)
        assert cut.metadata == {"k": 1, "passage_cut": len(question.passage)}
        ends.add(cut.passage)
    assert {"First one here.", "First one here. Second, “quoted one.”"} <= ends
    assert all(question.passage[len(end) : len(end) + 1].isspace() for end in ends if end)
    with pytest.raises(ValueError, match="max_tokens=0"):
        fit_passage(question, tiny, 0)
