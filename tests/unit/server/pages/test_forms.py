"""What people write into forms."""

import pytest

from modelwatch.core.errors import UsageError
from modelwatch.server.pages.forms import checked_tag, summary_in, tags_in
from modelwatch.server.pages.session_pages import own_path


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        (" \n ", None),
        ('{"accuracy": 0.92}', {"accuracy": 0.92}),
        ("0.5", 0.5),
        ("accuracy=0.92\nloss = 0.1\n", {"accuracy": 0.92, "loss": 0.1}),
        ("data=the 60,000 digits; loss=0.1", {"data": "the 60,000 digits", "loss": 0.1}),
        ("formula=a=b", {"formula": "a=b"}),
        ("loss=NaN", {"loss": "NaN"}),
    ],
)
def test_a_summary_is_json_or_lines_of_names_and_values(text, value):
    """Numbers are numbers, everything else is text."""
    assert summary_in(text) == value


@pytest.mark.parametrize("text", ["{accuracy: 0.92", "not a pair", "=3", "a=1\nb"])
def test_a_summary_that_is_neither_is_refused(text):
    """Nothing is guessed: the person is told."""
    with pytest.raises(UsageError, match="summary"):
        summary_in(text)


def test_tags_have_commas_between_them():
    """Spaces around a tag and empty ones do not count, and each is there once."""
    assert tags_in(" released, for mobile ,,released") == ["for mobile", "released"]


@pytest.mark.parametrize("text", ["", "  ", "x" * 201, "a\nb", "\x1b[31m"])
def test_what_is_no_tag_is_refused(text):
    """A tag is one line that can be printed."""
    with pytest.raises(UsageError, match="tag"):
        checked_tag(text)


@pytest.mark.parametrize(("wanted", "path"), [("/default/models?q=a", "/default/models?q=a"), ("", "/"), (None, "/")])
def test_after_signing_in_the_page_that_was_wanted_is_shown(wanted, path):
    """A path of this server is where it goes on."""
    assert own_path(wanted) == path


@pytest.mark.parametrize(
    "wanted", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/a\r\nSet-Cookie: b"]
)
def test_signing_in_leads_to_no_other_site(wanted):
    """A link that would lead elsewhere after signing in leads to the front page."""
    assert own_path(wanted) == "/"
