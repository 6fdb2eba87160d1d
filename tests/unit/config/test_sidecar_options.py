"""The options of a sidecar whose values have a form of their own."""

import pytest

from modelwatch.config.address import Address, address
from modelwatch.config.wait_for import wait_for


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("127.0.0.1:9321", Address("127.0.0.1", 9321)),
        (" 0.0.0.0:0 ", Address("0.0.0.0", 0)),
        ("localhost:80", Address("127.0.0.1", 80)),
        ("[::1]:9321", Address("::1", 9321)),
        ("[::]:65535", Address("::", 65535)),
        ("OFF", None),
    ],
)
def test_an_address_is_a_host_and_a_port(text, value):
    """Numbers, not names; and what was written is what is shown."""
    assert address(text) == value
    if value is not None and "localhost" not in text:
        assert str(value) == text.strip()


@pytest.mark.parametrize(
    "text",
    ["", "9321", ":9321", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.256:1", "example.org:80", "::1:80", "[::g]:1"],
)
def test_anything_else_is_no_address(text):
    """A name would have to be looked up, and a port alone leaves open who may ask."""
    with pytest.raises(ValueError, match="is not an address"):
        address(text)


def test_an_id_an_expression_and_a_part_of_a_command_line_are_told_apart():
    """By their form."""
    assert wait_for("123").pid == 123
    assert wait_for(" others ").pid is None
    assert wait_for("others").pattern is None
    assert wait_for("/^python .*train/").pattern.search("python -u train.py")
    assert not wait_for("train.py").pattern.search("python train-py")
    assert wait_for("train.py").pattern.search("python train.py --lr 0.1")
    assert wait_for("/usr/bin/python").pattern.search("/usr/bin/python train.py")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "must be others"),
        ("  ", "must be others"),
        ("train\n.py", "must be others"),
        ("0", "not the id"),
        ("1", "not the id"),
        ("4194305", "not the id"),
        ("9" * 40, "not the id"),
        ("/(/", "not a regular expression"),
    ],
)
def test_what_names_no_process_is_refused(text, problem):
    """PID 1 ends with everybody, and cannot be waited for."""
    with pytest.raises(ValueError, match=problem):
        wait_for(text)
