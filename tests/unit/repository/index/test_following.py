"""Following a repository's directory in parts."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from repositories import TEAM, add_version, new_repository

from modelwatch.repository.index import following, taking
from modelwatch.repository.index.index import Index
from modelwatch.repository.index.outside import data
from modelwatch.repository.index.queries import ModelQuery
from modelwatch.repository.index.taking import Taker
from modelwatch.repository.layout import MODELS, Place

NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=("Cc",)), min_size=1, max_size=3).filter(
    lambda name: not name.startswith(".")
)


class Named:
    """A directory of teams and models, by their names."""

    def __init__(self, teams):
        self.teams = teams

    def names(self, prefix):
        """Return what is below a prefix."""
        return sorted(self.teams if prefix == MODELS else self.teams[prefix.removeprefix(f"{MODELS}/")])


@given(st.dictionaries(NAMES, st.sets(NAMES, max_size=5), max_size=5), NAMES, NAMES)
def test_parts_have_every_model_once_and_leave_no_gap(teams, team, model):
    """Those that are there are in one part each; and those that are not, but may have been, are in the range of one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(following, "_BATCH", 3)
        parts = list(following.parts(Named(teams)))
    assert [place for part in parts for place in part.places] == [
        Place(team, name) for team in sorted(teams) for name in sorted(teams[team])
    ]
    for place in (*(place for part in parts for place in part.places), Place(team, model)):
        key = (data(place.team_part), data(place.model_part))
        ranges = [part for part in parts if part.after < key <= part.through]
        assert len(ranges) == 1
        assert place in ranges[0].places or place.model_part not in teams.get(place.team_part, ())


def test_a_look_finds_what_a_refresh_finds(tmp_path, monkeypatch):
    """Models that came and models that went, of several teams, each told by its own part."""
    monkeypatch.setattr(following, "_BATCH", 2)
    repository = new_repository(tmp_path / "repository")
    for number in range(5):
        add_version(repository, tmp_path, model=f"digits-{number}")
    add_version(repository, tmp_path, team="others")
    with Index.open(tmp_path / "index.db", repository) as index, Index.open(tmp_path / "other.db", repository) as refreshed:
        assert not any(index.look())
        repository.storage.path(Place.of(TEAM, "digits-1").prefix).rename(tmp_path / "digits-1")
        repository.storage.path(f"{MODELS}/others").rename(tmp_path / "others")
        add_version(repository, tmp_path, model="digits-9")
        assert sum(index.look()) == 2
        assert refreshed.refresh()
        for team in (TEAM, "others"):
            assert index.models(team, ModelQuery()) == refreshed.models(team, ModelQuery())
        assert index.counts(TEAM).models == 5
        assert index.counts("others").models == 0


def test_a_version_that_comes_out_of_order_between_two_slices_is_found(tmp_path, monkeypatch):
    """While a model is copied here, in no order and with its old times, what comes below the last slice is found by the next look."""
    repository = new_repository(tmp_path / "repository")
    for step in range(10, 70, 10):
        add_version(repository, tmp_path, step=step)
    versions = repository.root / Place.of(TEAM, "digits").versions
    late = versions / "00000002.json"
    late.rename(tmp_path / late.name)
    take = Taker.take

    def interrupted(taker, place, after=0):
        if after:
            (tmp_path / late.name).rename(late)
            os.utime(versions, (1_000_000_000, 1_000_000_000))
            monkeypatch.setattr(Taker, "take", take)
        return take(taker, place, after)

    monkeypatch.setattr(taking, "SLICE", 3)
    monkeypatch.setattr(Taker, "take", interrupted)
    with Index.open(tmp_path / "index.db", repository) as index:
        index.refresh()
        assert index.model(TEAM, "digits").versions == 6
        assert not index.refresh()
