"""Addresses of lists."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from modelwatch.core.errors import UsageError
from modelwatch.server.accounts.principal import ANONYMOUS
from modelwatch.server.endpoint import Call
from modelwatch.server.pages.listing import Listing

PATH = "/default/models"


def listing(address=PATH):
    """Read what an address asks."""
    scope = {"type": "http", "method": "GET", "path": PATH, "query_string": urlsplit(address).query.encode(), "headers": []}
    return Listing.of(Call(Request(scope), services=None, principal=ANONYMOUS), PATH, default_order="-modified")


TEXT = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=8)


@given(
    text=TEXT.map(str.strip),
    tags=st.lists(TEXT, unique=True, max_size=3),
    order=st.sampled_from(["name", "-val_accuracy", "-modified", "loss"]),
    view=st.sampled_from(["table", "cards"]),
    experiment=st.none() | TEXT,
)
def test_an_address_asks_what_it_was_made_from(text, tags, order, view, experiment):
    """Whatever is searched for, the address of a list asks exactly for that list."""
    narrowed = () if experiment is None else (("experiment", experiment),)
    asked = Listing(path=PATH, text=text, tags=tuple(tags), narrowed=narrowed, order=order, default_order="-modified", view=view)
    assert listing(asked.here) == asked


def test_sorting_by_what_it_is_sorted_by_turns_it_round():
    """The first press sorts as people want that column first, the second the other way round, from the first page."""
    first = listing(f"{PATH}?cursor=abc").sorted_by("val_loss", "asc")
    assert dict(parse_qsl(urlsplit(first).query)) == {"sort": "val_loss"}
    assert dict(parse_qsl(urlsplit(listing(first).sorted_by("val_loss", "asc")).query)) == {"sort": "-val_loss"}


def test_filters_are_put_on_and_taken_off():
    """A tag is added once and taken away again, and the page begins anew."""
    tagged = listing(f"{PATH}?q=digits&cursor=abc").with_tag("a&b")
    assert tagged == "?q=digits&tag=a%26b"
    assert listing(tagged).with_tag("a&b") == tagged
    assert listing(tagged).without_tag("a&b") == "?q=digits"
    assert listing(tagged).everything == PATH


def test_an_order_that_people_type_is_among_the_orders():
    """A metric that is in no list of ours can be sorted by, and is shown as what the list is sorted by."""
    found = listing(f"{PATH}?sort=-val_f1")
    assert found.models().sort == "val_f1"
    assert found.models().descending
    assert ("-val_f1", "val_f1, highest") in found.orders


def test_a_type_that_is_none_is_refused():
    """An address with a type that does not exist says so."""
    with pytest.raises(UsageError, match="model type"):
        listing(f"{PATH}?type=Keras").models()


def test_every_metric_can_be_sorted_by_the_better_end_first():
    """Each is offered once, after those with words of their own; an order that an address asks for is offered as well."""
    asked = Listing(path=PATH, order="-val_f1", default_order="-modified", metrics=("accuracy", "val_f1", "val_loss", "val_rmse"))
    values = [value for value, _ in asked.orders]
    assert values[-2:] == ["-val_f1", "val_rmse"]
    assert len(set(values)) == len(values)
    assert asked.metric == "val_f1"
    other = Listing(path=PATH, order="mystery", default_order="-modified")
    assert other.orders[-1] == ("mystery", "mystery, lowest")
    assert Listing(path=PATH, order="-val_accuracy", default_order="-modified").metric is None
