"""Finding versions by words: no word is missed, whatever characters it has, and what is gone is not found."""

import contextlib
import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st
from repositories import TEAM, add_version, new_repository

from modelwatch.repository.index import file, trigrams
from modelwatch.repository.index.index import Index
from modelwatch.repository.index.outside import data
from modelwatch.repository.index.queries import VersionQuery
from modelwatch.repository.layout import Place

PLACE = 7
CHARACTERS = st.sampled_from('ab"*^-(:\n ß\u0301\0\1\ud800\udfff\ufffd\ufffe\U0001f600\U0010ffff')
TEXTS = st.text(CHARACTERS, max_size=12)
WORDS = st.lists(st.text(CHARACTERS, min_size=1, max_size=4) | TEXTS.filter(len), min_size=1, max_size=3)


@pytest.fixture(scope="module", autouse=True)
def always():
    """Use trigrams for a model of few versions too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trigrams, "FEWEST", 0)
        yield


@contextlib.contextmanager
def an_index(texts):
    """Give a connection to an index of one model whose versions 1, 2, … have these texts, and of a neighbour that has them too."""
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(file.INDEX.scripts[0].read_text())
        for place in (PLACE - 1, PLACE, PLACE + 1):
            for number, text in enumerate(texts, 1):
                connection.execute(
                    "INSERT INTO versions (place, number, type, format, origin, lifetime, has_notes, has_summary, text)"
                    " VALUES (?, ?, '', x'', '', '', 0, 0, ?)",
                    (place, number, data(text)),
                )
                trigrams.add(connection, place, number, data(text))
        yield connection


def found(connection, words, most=100):
    """Return what may have the words."""
    return trigrams.versions_with(connection, PLACE, [data(word) for word in words], most)


@given(st.lists(TEXTS, min_size=1, max_size=5), WORDS)
def test_no_version_that_has_the_words_is_missed(texts, words):
    """What is found has all that a look at every text finds, and where a word has nothing that SQLite cannot read, nothing else."""
    having = [number for number, text in enumerate(texts, 1) if all(word in text for word in words)]
    with an_index(texts) as connection:
        numbers = found(connection, words)
    if numbers is None:
        assert max(map(len, words)) < 3
        return
    assert set(having) <= set(numbers)
    assert numbers == sorted(numbers)
    if all(len(word) >= 3 and word.isascii() and word.isprintable() for word in words):
        assert numbers == having


@given(st.lists(TEXTS, min_size=1, max_size=5), st.data())
def test_what_was_removed_is_not_found(texts, choices):
    """A version whose text was taken away is found by none of it, and the others still are."""
    gone = choices.draw(st.integers(1, len(texts)))
    with an_index(texts) as connection:
        trigrams.remove(connection, PLACE, gone, data(texts[gone - 1]))
        for number, text in enumerate(texts, 1):
            if len(text) >= 3:
                assert (number in found(connection, [text])) is (number != gone)


def test_more_than_so_many_are_not_told():
    """Whoever asks for few is told when they are many."""
    with an_index(["model.ckpt"] * 5) as connection:
        assert found(connection, ["ckpt"], most=4) is None
        assert found(connection, ["ckpt"], most=5) == [1, 2, 3, 4, 5]


def test_a_long_word_is_asked_for_by_its_beginning():
    """A word as long as an address may be is no burden, and is found."""
    with an_index(["x" * 100_000, "x" * 99_999]) as connection:
        assert 1 in found(connection, ["x" * 100_000])


def test_a_model_of_few_versions_is_looked_through(monkeypatch):
    """What is found of all models together grows with all of them."""
    with an_index(["model.ckpt"] * 5) as connection:
        monkeypatch.setattr(trigrams, "FEWEST", 5)
        assert found(connection, ["ckpt"]) is None
        monkeypatch.setattr(trigrams, "FEWEST", 4)
        assert found(connection, ["ckpt"]) == [1, 2, 3, 4, 5]


def test_versions_with_numbers_beyond_counting_are_found(tmp_path):
    """A number that somebody gave by hand may have fifteen digits: such a model is looked through."""
    repository = new_repository(tmp_path / "repository")
    for step in (10, 20):
        add_version(repository, tmp_path, step=step)
    versions = repository.root / Place.of(TEAM, "digits").versions
    (versions / "00000002.json").rename(versions / "999999999999999.json")
    with Index.open(tmp_path / "index.db", repository) as index:
        query = VersionQuery(text="model.ckpt")
        assert {found.version.number for found in index.versions(TEAM, "digits", query).items} == {1, 999_999_999_999_999}
        (versions / "999999999999999.json").unlink()
        index.refresh()
        assert [found.version.number for found in index.versions(TEAM, "digits", query).items] == [1]
