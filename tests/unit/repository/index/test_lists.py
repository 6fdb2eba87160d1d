"""Lists of models and versions: every order, every filter, page after page."""

import base64
import dataclasses
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from index_views import pages
from repositories import TEAM, new_repository

from modelwatch.core.digest import Digest
from modelwatch.core.entities import Manifest, ManifestEntry, Metric, ModelType, Provenance, Registration, Storage
from modelwatch.core.errors import UsageError
from modelwatch.core.json import dumps
from modelwatch.repository.index import lists, trigrams
from modelwatch.repository.index.cursors import Cursor
from modelwatch.repository.index.index import Index
from modelwatch.repository.index.queries import LARGEST_PAGE, ModelQuery, VersionQuery

VALUES = (0.5, math.nan, None, 0.25, math.inf, 0.5, -math.inf, 0.125)
"""Of the metric val_loss of the versions 1, 2, … of the model `digits`; None for a version without."""

BASE = Registration(
    team=TEAM,
    model="digits",
    model_type=ModelType.TENSORFLOW,
    format="tensorflow-checkpoint",
    root="model.ckpt",
    manifest=Manifest(()),
    provenance=Provenance("run-1", "e1", "p1"),
    created=1000.0,
    storage=Storage.REFERENCE,
)


def metric(value, *, key="loss", split="validation"):
    """Return a metric as a tuple of one, or none."""
    return () if value is None else (Metric(key, split, value, 1, 1000.0, ".", key, "step"),)


def sized(size):
    """Return a manifest of one file of some bytes."""
    return Manifest((ManifestEntry("data", size, Digest.of_bytes(b"")),))


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """An index of a model with eight versions, and of six small models."""
    repository = new_repository(tmp_path_factory.mktemp("lists") / "repository")
    for number, value in enumerate(VALUES, 1):
        registration = replace(
            BASE,
            root=f"model.ckpt-{number}",
            step=None if number % 3 == 0 else 100 - number,
            epoch=number,
            created=1000.0 - number,
            manifest=sized(number % 4),
            metrics=metric(value),
            provenance=Provenance("run-1", "e1" if number < 4 else "E1", "p1"),
            model_type=ModelType.TENSORFLOW if number < 7 else ModelType.ONNX,
        )
        repository.register(registration, None)
    repository.tag("digits", ("100%", "prod"), team=TEAM, version="2")
    repository.tag("digits", ("prod",), team=TEAM, version="5")
    repository.note("digits", "Das ist GROSS: 5_x", team=TEAM, version="3")
    others = [("Été", 1.0), ("a_b", 0.5), ("axb", None), ("50%", math.nan), ("50x", 0.5), ("ﬁne", 2.0)]
    for number, (name, value) in enumerate(others):
        upload = replace(
            BASE, model=name, provenance=Provenance(), format="upload", metrics=metric(value, split="train"), step=number
        )
        repository.register(replace(upload, manifest=sized(number)), None)
    repository.tag("a_b", ("prod", "x"), team=TEAM)
    repository.tag("axb", ("prod",), team=TEAM)
    repository.note("axb", "straße", team=TEAM)
    repository.publish("50x", team=TEAM, public=True)
    with Index.open(repository.root.parent / "index.db", repository) as opened:
        yield opened


def numbers(index, **asked):
    """Return the numbers of the versions of `digits` that a question finds, read in pages of three, be they few or many."""
    query = VersionQuery(limit=3, **asked)
    few, many = (_numbers(index, query, most) for most in (lists.FEW, 0))
    assert few == many
    return few


def _numbers(index, query, most):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lists, "FEW", most)
        patch.setattr(trigrams, "FEWEST", 0)
        found = pages(lambda cursor: index.versions(TEAM, "digits", replace(query, cursor=cursor)))
        return [version.version.number for version in found]


def names(index, **asked):
    """Return the names of the models that a question finds, read in pages of two, be they few or many."""
    query = ModelQuery(limit=2, **{"sort": "name", "descending": False, **asked})
    few, many = (_names(index, query, most) for most in (lists.FEW, 0))
    assert few == many
    return few


def _names(index, query, most):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lists, "FEW", most)
        return [model.name for model in pages(lambda cursor: index.models(TEAM, replace(query, cursor=cursor)))]


# ------------------------------------------------------------------------------------------------------------------- orders


@pytest.mark.parametrize("filtered", [{}, {"text": "ckpt"}])
@pytest.mark.parametrize(
    ("sort", "ascending", "descending"),
    [
        ("number", [1, 2, 3, 4, 5, 6, 7, 8], [8, 7, 6, 5, 4, 3, 2, 1]),
        ("created", [8, 7, 6, 5, 4, 3, 2, 1], [1, 2, 3, 4, 5, 6, 7, 8]),
        ("epoch", [1, 2, 3, 4, 5, 6, 7, 8], [8, 7, 6, 5, 4, 3, 2, 1]),
        ("size", [4, 8, 1, 5, 2, 6, 3, 7], [7, 3, 6, 2, 5, 1, 8, 4]),
        ("step", [8, 7, 5, 4, 2, 1, 3, 6], [1, 2, 4, 5, 7, 8, 6, 3]),
        ("val_loss", [7, 8, 4, 1, 6, 5, 2, 3], [5, 6, 1, 4, 8, 7, 2, 3]),
        ("no such metric", [1, 2, 3, 4, 5, 6, 7, 8], [8, 7, 6, 5, 4, 3, 2, 1]),
    ],
)
def test_versions_in_every_order(index, sort, ascending, descending, filtered):
    """Versions come in the order asked for in both directions, with NaN and then what is missing last, whether or not a filter is used."""
    assert numbers(index, sort=sort, descending=False, **filtered) == ascending
    assert numbers(index, sort=sort, descending=True, **filtered) == descending


def test_registered_is_an_order_of_its_own(index):
    """Versions sort by when they were registered."""
    assert numbers(index, sort="registered", descending=False) == list(range(1, 9))


@pytest.mark.parametrize(
    ("sort", "ascending"),
    [
        ("name", ["50%", "50x", "a_b", "axb", "digits", "Été", "ﬁne"]),
        ("versions", None),
        ("modified", None),
        ("created", ["digits", "Été", "a_b", "axb", "50%", "50x", "ﬁne"]),
        ("registered", ["digits", "Été", "a_b", "axb", "50%", "50x", "ﬁne"]),
        ("step", ["Été", "a_b", "axb", "50%", "50x", "ﬁne", "digits"]),
    ],
)
def test_models_in_every_order(index, sort, ascending):
    """Models come in the order asked for, and each once."""
    for descending in (False, True):
        found = names(index, sort=sort, descending=descending)
        assert sorted(found) == ["50%", "50x", "a_b", "axb", "digits", "Été", "ﬁne"]
        if ascending is not None:
            assert found == (ascending[::-1] if descending else ascending)


def test_models_by_a_metric_of_their_latest_version(index):
    """Models sort by a metric of their latest version; those with NaN come after the others, those without come last."""
    for descending, least_first in ((False, [{"a_b", "50x"}, {"Été"}, {"ﬁne"}]), (True, [{"ﬁne"}, {"Été"}, {"a_b", "50x"}])):
        found = names(index, sort="loss", descending=descending)
        assert [set(found[: len(least_first[0])]), {found[-3]}, set(found[-2:])] == [least_first[0], {"50%"}, {"axb", "digits"}]
    assert names(index, sort="val_loss")[0] == "digits"


def test_models_by_size_and_number_of_versions(index):
    """A model's size is that of all its versions, and models sort by it and by how many those are."""
    assert names(index, sort="size", descending=True)[0] == "digits"
    assert names(index, sort="versions", descending=True)[0] == "digits"
    assert index.model(TEAM, "digits").size == 12


@given(
    st.sampled_from(["number", "step", "size", "val_loss", "created"]),
    st.booleans(),
    st.integers(1, 9),
    st.sampled_from(["", "e1", "prod"]),
)
def test_pages_are_the_list_cut_in_pieces(index, sort, descending, limit, text):
    """Whatever the size of a page, all pages together are the list in one, which was sorted the other way: as few and not as many."""
    query = VersionQuery(sort=sort, descending=descending, text=text, limit=LARGEST_PAGE)
    whole = index.versions(TEAM, "digits", query)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lists, "FEW", 0)
        pieces = list(pages(lambda cursor: index.versions(TEAM, "digits", replace(query, limit=limit, cursor=cursor))))
    assert whole.next is None
    assert tuple(pieces) == whole.items


# ------------------------------------------------------------------------------------------------------------------ filters


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"tags": ("prod",)}, [2, 5]),
        ({"tags": ("prod", "100%")}, [2]),
        ({"tags": ("pro",)}, []),
        ({"tags": ("100_",)}, []),
        ({"type": ModelType.ONNX}, [7, 8]),
        ({"experiment": "e1"}, [1, 2, 3]),
        ({"experiment": "E1", "type": ModelType.TENSORFLOW}, [4, 5, 6]),
        ({"origin": "uploaded"}, []),
        ({"origin": "generated", "tags": ("prod",)}, [2, 5]),
        ({"project": "p1", "text": "ckpt-3"}, [3]),
        ({"format": "onnx"}, []),
        ({"text": "gross"}, [3]),
        ({"text": "5_x"}, [3]),
        ({"text": "5%x"}, []),
        ({"text": "DAS groß"}, [3]),
        ({"text": "%"}, [2]),
        ({"text": "100% prod"}, [2]),
        ({"text": "100%\nprod"}, [2]),
        ({"text": "ckpt-2100%"}, []),
        ({"text": "run-1 E1"}, [1, 2, 3, 4, 5, 6, 7, 8]),
        ({"text": "\udcff"}, []),
        ({"text": "' OR 1"}, []),
    ],
)
@pytest.mark.parametrize("sort", ["number", "epoch"])
def test_versions_by_filter(index, asked, found, sort):
    """A filter finds what fulfils all of it; nothing in a search has a meaning of its own, and case has none."""
    assert numbers(index, sort=sort, descending=False, **asked) == found


@pytest.mark.parametrize("text", ["ckpt-3", "e1"])
def test_a_metric_is_an_order_of_what_a_filter_finds(index, text):
    """An order by a metric with a filter is the order by the metric, without what the filter takes away."""
    for sort in ("val_loss", "nothing"):
        for descending in (False, True):
            order = numbers(index, sort=sort, descending=descending)
            found = numbers(index, text=text)
            assert numbers(index, sort=sort, descending=descending, text=text) == [each for each in order if each in found]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"text": "50%"}, ["50%"]),
        ({"text": "a_b"}, ["a_b"]),
        ({"text": "ÉTÉ"}, ["Été"]),
        ({"text": "E\u0301te\u0301"}, ["Été"]),
        ({"text": "fine"}, ["ﬁne"]),
        ({"text": "STRASSE"}, ["axb"]),
        ({"text": "prod"}, ["a_b", "axb"]),
        ({"tags": ("prod",)}, ["a_b", "axb"]),
        ({"tags": ("x", "prod")}, ["a_b"]),
        ({"tags": ("100%",)}, []),
        ({"type": ModelType.ONNX}, ["digits"]),
        ({"experiment": "e1"}, ["digits"]),
        ({"experiment": "e1", "type": ModelType.ONNX}, []),
        ({"origin": "uploaded", "text": "a_b"}, ["a_b"]),
        ({"format": "upload", "tags": ("prod",)}, ["a_b", "axb"]),
        ({"project": "p1"}, ["digits"]),
        ({"public": True}, ["50x"]),
        ({"public": False, "text": "digits"}, ["digits"]),
    ],
)
@pytest.mark.parametrize("sort", ["name", "nothing"])
def test_models_by_filter(index, asked, found, sort):
    """A model is found by its own name, id, notes and tags, and when one of its versions is all that is asked of versions."""
    assert sorted(names(index, sort=sort, **asked)) == found


FILTERS = {
    "text": ("", "5", "a prod", "digits", "nothing"),
    "tags": ((), ("prod",), ("prod", "x"), ("nothing",)),
    "type": (None, ModelType.TENSORFLOW, ModelType.ONNX, ModelType.CUSTOM),
    "format": (None, "upload", "tensorflow-checkpoint"),
    "origin": (None, "uploaded", "generated"),
    "experiment": (None, "e1", "E1"),
    "project": (None, "p1", "nothing"),
    "public": (None, True, False),
}
OF_A_VERSION = ("type", "format", "origin", "experiment", "project")
"""They hold of one version together; the others hold of the model."""


@given(
    asked=st.fixed_dictionaries({name: st.sampled_from(values) for name, values in FILTERS.items()}),
    sort=st.sampled_from((*sorted(lists.MODEL_FIELDS), "name", "loss", "val_loss", "nothing")),
    descending=st.booleans(),
)
def test_models_by_every_filter_in_every_order(index, asked, sort, descending):
    """Whatever is asked at once finds what each part of it finds, in the order of the whole list, be they few or many, public or a team's."""
    order = names(index, sort=sort, descending=descending)
    parts = [{name: asked[name]} for name in FILTERS if name not in OF_A_VERSION] + [{name: asked[name] for name in OF_A_VERSION}]
    found = [names(index, **part) for part in parts]
    expected = [name for name in order if all(name in those for those in found)]
    assert names(index, sort=sort, descending=descending, **asked) == expected
    query = ModelQuery(limit=2, sort=sort, descending=descending, **{**asked, "public": None})
    public = [model.name for model in pages(lambda cursor: index.public_models(replace(query, cursor=cursor)))]
    assert public == names(index, sort=sort, descending=descending, **{**asked, "public": True})


def test_a_model_is_found_by_its_id(index):
    """The id is searched like a word of the name."""
    assert names(index, text=index.model(TEAM, "axb").id) == ["axb"]


def test_teams_and_models_that_are_not_there_have_nothing(index):
    """Asking about nobody's models is answered with nothing, not with an error."""
    for team in ("", "other", "\udcff", "%"):
        assert index.models(team, ModelQuery()).items == ()
        assert index.model(team, "digits") is None
        assert index.tags(team, 5) == index.experiments(team) == ()
        assert index.counts(team).models == 0
    for model in ("", "other", "\udcff", "x" * 1000):
        assert index.model(TEAM, model) is None
        assert index.version(TEAM, model) is None
        assert index.versions(TEAM, model, VersionQuery()).items == ()
        assert index.points(TEAM, model) == ()


# ------------------------------------------------------------------------------------------------------------------ cursors


@given(st.text() | st.binary().map(lambda data: base64.urlsafe_b64encode(data).decode()))
def test_what_is_no_cursor_is_a_mistake_of_the_caller(index, text):
    """Any text at all in place of a cursor is refused as such."""
    for query in (VersionQuery(cursor=text), VersionQuery(cursor=text, sort="val_loss")):
        with pytest.raises(UsageError):
            index.versions(TEAM, "digits", query)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([{"f": "NaN"}, {"b": "0"}, {"f": 1e400}]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["f", "b"]), inner, max_size=2),
    max_leaves=4,
)


@given(JSON_VALUES, JSON_VALUES, JSON_VALUES)
def test_a_cursor_that_somebody_made_up_reads_the_list_or_is_refused(index, leg, value, tie):
    """A cursor of the right question with anything else in it gives a part of that list or a UsageError, never another error."""
    query = VersionQuery(sort="val_loss")
    question = query.question(index.model(TEAM, "digits").id)
    try:
        text = dumps([question, leg, value, tie])
    except ValueError:
        return
    cursor = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    try:
        page = index.versions(TEAM, "digits", replace(query, cursor=cursor))
    except UsageError:
        return
    assert {version.model for version in page.items} <= {"digits"}


@pytest.mark.parametrize("value", [1, 0.5, math.inf, -math.inf, "text", b"\xff", None, -(2**63) + 1])
def test_cursors_come_back_as_they_were(value):
    """What a list is sorted by survives being written as text."""
    cursor = Cursor(1, value, "mo1")
    assert Cursor.decode(cursor.encode("q"), "q") == cursor


def test_a_cursor_is_of_one_question(index):
    """The cursor of one order, filter, direction or model is refused for another."""
    query = VersionQuery(limit=2)
    cursor = index.versions(TEAM, "digits", query).next
    for other in (replace(query, sort="size"), replace(query, text="e1"), replace(query, descending=False)):
        with pytest.raises(UsageError, match="another list"):
            index.versions(TEAM, "digits", replace(other, cursor=cursor))
    with pytest.raises(UsageError, match="another list"):
        index.versions(TEAM, "axb", replace(query, cursor=cursor))
    assert index.versions(TEAM, "digits", replace(query, limit=4, cursor=cursor)).items


@pytest.mark.parametrize(
    "asked", [{"limit": 0}, {"limit": LARGEST_PAGE + 1}, {"origin": "stolen"}, {"text": "a " * 40}, {"tags": ("a",) * 40}]
)
def test_what_cannot_be_asked_is_refused(asked):
    """Pages of no or too many items, an origin that is none and endless conditions are mistakes of the caller."""
    with pytest.raises(UsageError) as caught:
        VersionQuery(**asked)
    assert caught.value.hint


def test_every_field_of_a_question_counts(index):
    """A field added to a query is part of what tells cursors apart, unless it says how much of the list is told."""
    for query in (VersionQuery(), ModelQuery()):
        asked = {field.name for field in dataclasses.fields(query)} - {"limit", "cursor", "with_best"}
        others = {
            "text": "x",
            "tags": ("x",),
            "type": ModelType.ONNX,
            "format": "x",
            "origin": "uploaded",
            "experiment": "x",
            "project": "x",
            "sort": "x",
            "descending": False,
            "public": True,
        }
        questions = {replace(query, **{name: others[name]}).question() for name in asked}
        assert len(questions | {query.question()}) == len(asked) + 1


def test_the_metrics_of_the_latest_versions_are_told(index):
    """They are what models can be sorted by."""
    assert index.metric_names(TEAM) == ("loss", "val_loss")
    assert index.metric_names("nobody") == ()


@pytest.mark.parametrize(
    ("summary", "metrics", "told"),
    [
        ({"loss": 0.25, "accuracy": {"result": {"mean": 1}}}, (), ("val_accuracy", "val_loss")),
        ({"loss": True, "accuracy": "high"}, (), ()),
        ("all is well", (), ()),
        ({"loss": 0.25}, metric(0.5, split="train"), ("loss",)),
    ],
)
def test_models_are_sorted_by_what_their_uploads_tell(tmp_path, summary, metrics, told):
    """A summary counts where no metric says it, and what is no number does not."""
    repository = new_repository(tmp_path / "repository")
    repository.register(replace(BASE, metrics=metrics, summary=summary), None)
    with Index.open(tmp_path / "index.db", repository) as index:
        assert index.metric_names(TEAM) == told
