"""The snapshot budget: what may be written and what it comes to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.config.snapshot_budget import DEFAULT, SnapshotBudget, snapshot_budget


@pytest.mark.parametrize(
    ("text", "size"),
    [("10GB", 10**10), ("1.5 tb", 15 * 10**11), ("512MiB", 2**29), ("4Ki", 4096), ("1", 1), ("1B", 1), (" 2k ", 2000)],
)
def test_a_size_has_the_units_of_disks_or_of_memory(text, size):
    """Powers of 1000, and of 1024 with an i."""
    assert snapshot_budget(text) == SnapshotBudget(size)


@pytest.mark.parametrize("text", ["", "GB", "-1GB", "1e9", "0", "0.1B", "0%", "101%", "1PB", "1iB", "%", "1 %x", "9" * 19])
def test_anything_else_is_refused(text):
    """With what could be written instead."""
    with pytest.raises(ValueError, match=r"is not a (size|share): write"):
        snapshot_budget(text)


@given(st.integers(1, 10**18 - 1) | st.none(), st.floats(0.01, 1.0))
def test_what_is_shown_can_be_written(size, share):
    """`config show` prints what the option takes, to the digits it shows."""
    budget = SnapshotBudget(size, share) if size is None else SnapshotBudget(size)
    again = snapshot_budget(str(budget))
    assert (again.size_bytes, again.share) == (size, pytest.approx(budget.share, rel=1e-5))


@given(st.integers(0, 10**15), st.integers(0, 10**12))
def test_an_agent_that_starts_again_has_the_same_limit(free, held):
    """What the snapshots of an earlier agent hold was free when that one started."""
    limit = DEFAULT.limit_bytes(free_bytes=free + held, held_bytes=0)
    assert DEFAULT.limit_bytes(free_bytes=free, held_bytes=held) == limit == (free + held) // 2
    assert SnapshotBudget(7).limit_bytes(free_bytes=free, held_bytes=held) == 7
