"""Batches cover every request within their bounds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from oversight_envs.models.hf.batch_plan import plan, shared_lengths


@given(
    prompts=st.lists(st.lists(st.integers(0, 1), min_size=1, max_size=6).map(tuple), max_size=12),
    max_rows=st.integers(1, 5),
    max_tokens=st.integers(1, 40),
)
def test_plan_covers_every_request_within_bounds(
    prompts: list[tuple[int, ...]], max_rows: int, max_tokens: int
) -> None:
    batches = plan(prompts, [2] * len(prompts), max_rows=max_rows, max_tokens=max_tokens)
    assert sorted(i for batch in batches for i in batch) == list(range(len(prompts)))
    for batch in batches:
        width = max(len(prompts[i]) for i in batch) + 2
        assert len(batch) == 1 or (len(batch) <= max_rows and len(batch) * width <= max_tokens)


def test_shared_lengths_leave_a_token_to_read() -> None:
    short, long = tuple(range(100)), tuple(range(200))
    assert shared_lengths([short, long, (5,)]) == {short: 99, long: 100, (5,): 0}
