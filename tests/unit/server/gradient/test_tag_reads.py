"""What a client means that reads all tags and writes all of them back."""

from hypothesis import given
from hypothesis import strategies as st

from modelwatch.server.gradient.tag_reads import TagReads
from modelwatch.testing.clock import FakeClock

_tags = st.frozensets(st.sampled_from("abcd"))


def _reads(*told, clock=None):
    reads = TagReads(clock or FakeClock())
    for tags in told:
        reads.told("key", "model", tags)
    return reads


@given(_tags, _tags, _tags)
def test_what_is_added_to_what_was_read_is_added_and_nothing_else(read, added, since):
    """And what was removed from it is removed, whatever became of the model since."""
    add, remove = _reads(read).change("key", "model", read | added, since)
    assert (add, remove) == (added - read, frozenset())
    add, remove = _reads(read).change("key", "model", read - added, since)
    assert (add, remove) == (frozenset(), read & added)


def test_of_several_reads_the_one_counts_that_it_can_have_come_from():
    """Two clients with one key read before either writes, and one of them reads again."""
    reads = _reads("a", "ab", "abz")
    assert reads.change("key", "model", "ax", "abz") == ({"x"}, frozenset())
    assert reads.change("key", "model", "abzx", "abz") == ({"x"}, frozenset())
    assert reads.change("key", "model", "ab", "abz") == (frozenset(), frozenset())


def test_who_has_read_nothing_lately_replaces_what_there_is():
    """Nor is what somebody else has read, or of another model, theirs."""
    clock = FakeClock()
    reads = _reads("a", clock=clock)
    for who, model in (("other", "model"), ("key", "other")):
        assert reads.change(who, model, "x", "ab") == ({"x"}, {"a", "b"})
    assert reads.change("key", "model", "bx", "ab") == ({"x"}, {"a"})
    clock.advance(121)
    assert reads.change("key", "model", "ax", "ab") == ({"x"}, {"b"})


def test_not_all_reads_are_remembered():
    """Those of whom nothing was heard for longest go first."""
    reads = _reads("a")
    for number in range(5000):
        reads.told("key", f"model {number}", "a")
    assert len(reads._reads) == 4096
    assert reads.change("key", "model", "ax", "ab") == ({"x"}, {"b"})
