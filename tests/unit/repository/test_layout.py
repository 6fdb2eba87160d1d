"""Names and keys in a repository."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.repository.layout import (
    Place,
    decode_name,
    encode_name,
    event_milliseconds,
    event_name,
    names_about,
    version_number,
)

ANY_NAME = st.text(st.characters(codec=None), min_size=1, max_size=80)
AWKWARD = st.sampled_from(
    [".", "..", "...", ".lock", "con", "CON", "Nul.txt", "a/b", "a\\b", "a\0b", "%41", "~", "ß", "\udcff", "model.", " "]
)
KEYS = st.text("0123456789abcdef", min_size=64, max_size=64)


@given(ANY_NAME | AWKWARD)
def test_a_name_becomes_one_safe_component(name):
    """Whatever the name, its component is plain ASCII, short, not hidden, and no device of Windows."""
    component = encode_name(name)
    assert re.fullmatch(r"[a-z0-9_%~-](?:[a-z0-9_.%~-]*[a-z0-9_%~-])?", component)
    assert len(component) <= 200
    assert component.partition(".")[0] not in {"con", "prn", "aux", "nul", "com1", "lpt9"}


@given(ANY_NAME | AWKWARD)
def test_a_name_round_trips(name):
    """A component gives its name back unless it was cut."""
    component = encode_name(name)
    assert decode_name(component) == (None if "~" in component else name)


@given(ANY_NAME | AWKWARD, ANY_NAME | AWKWARD)
def test_different_names_stay_different_where_case_is_folded(one, other):
    """Two names share a component only when they are the same, even on a file system that ignores case."""
    assert (encode_name(one).casefold() == encode_name(other).casefold()) == (one == other)


def test_long_names_are_cut_and_stay_different():
    """Names too long for a file system differ by their digest, and no escape is cut in half."""
    names = ["模" * 100 + end for end in "ab"]
    components = [encode_name(name) for name in names]
    assert len(set(components)) == 2
    assert all(re.fullmatch(r"(?:%[0-9a-f]{2})+~[0-9a-f]{64}", component) for component in components)


def test_an_empty_name_is_refused():
    """A model needs a name."""
    with pytest.raises(ValueError, match="empty"):
        encode_name("")


@pytest.mark.parametrize("component", ["%4", "%zz", "A", "%ff", "a%2eb", "x~y", "", "%61"])
def test_components_that_are_never_made_decode_to_nothing(component):
    """What `encode_name` never makes is not taken for a name."""
    assert decode_name(component) is None


@given(st.integers(1, 10**10))
def test_version_files_round_trip(number):
    """A version's file name gives its number back, beyond eight digits too."""
    assert version_number(Place("t", "m").version(number).rpartition("/")[2]) == number


@pytest.mark.parametrize(
    "name", ["1.json", "00000000.json", "00000001.json.tmp", "0000000x.json", "00000001", "1000000000000000.json"]
)
def test_other_files_are_no_versions(name):
    """Nothing but eight to fifteen digits and the extension is a version."""
    assert version_number(name) is None


@given(KEYS, KEYS, st.binary(min_size=5, max_size=5), st.integers(0, 2**47))
def test_an_event_says_when_and_about_what(key, other, random, milliseconds):
    """An event's name holds its time and is found by the registration that it is about."""
    name = event_name(milliseconds, key, random)
    assert event_milliseconds(name) == milliseconds
    assert names_about([name], key) == [name]
    assert names_about([name], other) == ([name] if key[:10] == other[:10] else [])


def test_model_ids_have_gradients_form_and_depend_on_everything():
    """An id is `mo` and 13 letters or digits, and differs with repository, team and name."""
    ids = {
        Place.of(team, model).model_id(repository)
        for repository in ("r1", "r2")
        for team in ("a", "b")
        for model in ("digits", "Digits")
    }
    assert len(ids) == 8
    assert all(re.fullmatch(r"mo[a-z0-9]{13}", identifier) for identifier in ids)
