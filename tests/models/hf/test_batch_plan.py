"""Batches cover every request within their bounds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from oversight_envs.models.hf.batch_plan import plan, shared_lengths
from oversight_envs.models.hf.prefixes import common_length

LONG = tuple(range(200))


@given(
    prompts=st.lists(
        st.tuples(st.lists(st.integers(0, 1), min_size=1, max_size=6).map(tuple), st.integers(0, 5)), max_size=12
    ),
    max_rows=st.integers(1, 5),
    max_tokens=st.integers(1, 40),
    max_held=st.integers(0, 8),
)
def test_plan_covers_every_request_within_bounds(
    prompts: list[tuple[tuple[int, ...], int]], max_rows: int, max_tokens: int, max_held: int
) -> None:
    asked = [ids for ids, _ in prompts]
    held = [min(length, len(ids) - 1) for ids, length in prompts]
    batches = plan(asked, [2] * len(asked), held, max_rows=max_rows, max_tokens=max_tokens, max_held=max_held)
    assert sorted(i for batch in batches for i in batch) == list(range(len(asked)))
    for batch in batches:
        width = max(len(asked[i]) - held[i] for i in batch) + 2
        assert len(batch) == 1 or (len(batch) <= max_rows and len(batch) * width <= max_tokens)
        beginnings = {asked[i][: held[i]] for i in batch}
        assert sum(map(len, beginnings)) <= max_held or len(beginnings - {()}) == 1


def test_shared_lengths_leave_a_token_to_read() -> None:
    assert shared_lengths([LONG[:100], LONG, (5,)]) == [99, 99, 0]
    assert shared_lengths([LONG, (5,), LONG]) == [199, 0, 199]
    assert shared_lengths([(1, 2, 3, 4, 5)] * 20) == [4] * 20  # short, but asked for often
    assert shared_lengths([]) == []


@given(st.lists(st.tuples(st.integers(0, 200), st.lists(st.integers(0, 3), max_size=150)), max_size=12))
def test_groups_have_one_beginning(made: list[tuple[int, list[int]]]) -> None:
    prompts = [LONG[:length] + tuple(1000 + token for token in rest) + (9,) for length, rest in made]
    for i, length in enumerate(shared_lengths(prompts)):
        others = [common_length(prompts[i], other) for k, other in enumerate(prompts) if k != i]
        best = min(max(others, default=0), len(prompts[i]) - 1)
        if best * max(prompts.count(prompts[i]) - 1, 1) < 64:
            assert length == 0
        else:
            assert max(best - 64, 0) < length <= best
