"""Comparing two sights of one candidate."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import stat

from modelwatch.watch.settle import Change, compare

_STATS = st.dictionaries(
    st.sampled_from("abcd"), st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(1, 2)), min_size=1
).map(lambda files: tuple(stat(path, size=s, mtime_ns=m, inode=i) for path, (s, m, i) in sorted(files.items())))


@pytest.mark.parametrize(
    ("known", "seen", "change"),
    [
        ((stat("a"),), (stat("a"),), Change.SAME),
        ((stat("a"),), (stat("a"), stat("b")), Change.GREW),
        ((stat("a"), stat("b")), (stat("b"),), Change.SHRANK),
        ((stat("a"),), (stat("a", size=2),), Change.REWRITTEN),
        ((stat("a"),), (stat("a", inode=2),), Change.REWRITTEN),
        ((stat("a"),), (stat("b"),), Change.REWRITTEN),
        ((stat("a"), stat("b")), (stat("a", mtime_ns=2),), Change.REWRITTEN),
    ],
)
def test_each_kind_of_change_is_told_apart(known, seen, change):
    """Files that came, went or were written to are told apart."""
    assert compare(known, seen) is change


def test_inodes_do_not_count_against_what_was_written_down():
    """A volume that was moved to another machine may number its files anew."""
    assert compare((stat("a", inode=1),), (stat("a", inode=9),), by_inode=False) is Change.SAME


@given(known=_STATS, seen=_STATS)
def test_growing_and_shrinking_are_each_others_mirror(known, seen):
    """What grew in one direction shrank in the other, and everything else is the same in both."""
    mirror = {Change.GREW: Change.SHRANK, Change.SHRANK: Change.GREW}
    change = compare(known, seen)
    assert compare(seen, known) is mirror.get(change, change)
