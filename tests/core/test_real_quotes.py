"""Quotes as people select them in real stories, and as those do who want to mislead; small cases with their values."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import pytest

from oversight_envs.core.quotes import QuoteChecker

CASES = {
    "passage": "The ferry left at 7:40. Marta said, “I’d vote against it.” By 1924 the fare was $3.50. Dahl, the mate, "
    "hid the captain’s log. “No!” cried Klein.",
    "verified": ["I'd vote against it", "’d vote against it", "the mate, hid the captain", "by 1924 the fare was"],
    "short": ["1924", "$3.50", "7:40", "Dahl", "Klein", "No!"],
    "absent": [
        "Dahl hid the captain's log",
        "By 1942 the fare was $3.50",
        "Marta voted against it",
        "hid the captains",
    ],
}


def states(checker: QuoteChecker, quote: str) -> list[str]:
    return [segment.state for segment in checker.check(f"<quote>{quote}</quote>") if segment.quoted]


def test_small_cases() -> None:
    checker = QuoteChecker(str(CASES["passage"]))
    for state in ("verified", "short", "absent"):
        assert {quote: states(checker, quote) for quote in CASES[state]} == {quote: [state] for quote in CASES[state]}


@pytest.fixture(scope="module")
def articles(data: Path) -> list[str]:
    lines = (data / "quality" / "quality.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line)["article"] for line in lines]


def test_what_was_selected_in_a_story_is_never_called_false(articles: list[str]) -> None:
    rng = random.Random(0)
    for article in articles:
        checker = QuoteChecker(article)
        words = [match.span() for match in re.finditer(r"\S+", article)]
        apostrophes = [match.start() for match in re.finditer(r"(?<=[^\W_])['’](?=[^\W_])", article)]
        for number in range(200):
            last = rng.randrange(12, len(words))
            start = words[last - rng.randrange(12)][0]
            if number % 2 and apostrophes:
                start = rng.choice(apostrophes)
                last = next(i for i, (_, end) in enumerate(words) if end > start)
                last = min(last + rng.randrange(12), len(words) - 1)
            quote = article[start : words[last][1]]
            assert "absent" not in states(checker, quote), quote


def test_distant_words_joined_by_an_ellipsis_never_verify(articles: list[str]) -> None:
    rng = random.Random(1)
    verified = 0
    for article in articles:
        checker = QuoteChecker(article)
        words = re.findall(r"[A-Za-z]{2,}", article)
        for _ in range(240):
            first, second = sorted(rng.sample(range(len(words)), 2))
            verified += "verified" in states(checker, f"{words[first]} … {words[second]}")
    assert verified == 0
