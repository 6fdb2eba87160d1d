"""What people and programs read: whole off a terminal, escaped everywhere, quiet where nobody looks."""

import io
import json
import math
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from terminals import AtTerminal

from modelwatch.cli import output
from modelwatch.core.errors import UsageError

HOSTILE = "a\x1b[31m\x07[bold]b[/bold]\r\nc\udcff\u202e"
PLAIN = "a\\x1b[31m\\x07[bold]b[/bold]\\r\\nc\\udcff\\u202e"

SHOW = """
import os, sys
from modelwatch.cli import output
if os.environ.get("COLUMNS_OF"):
    import fcntl, struct, termios
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 24, int(os.environ["COLUMNS_OF"]), 0, 0))
output.table(("name", "value"), [("x" * 60, "y" * 60), ({hostile!r}, 1.5)])
with output.progress("copying [bold]" + {hostile!r}, 100) as done:
    done(100)
print("answer:", output.confirm("really?", yes=False))
"""


def at_terminal(**environment):
    """Start the program at a terminal 100 columns wide."""
    program = SHOW.format(hostile=HOSTILE)
    return AtTerminal([sys.executable, "-I", "-c", program], {"TERM": "xterm-256color", "COLUMNS_OF": "100"} | environment)


# -------------------------------------------------------------------------------------------------------------------- tables


def test_off_a_terminal_every_cell_is_whole(capsys, monkeypatch):
    """What a script reads is never cut or folded, however wide; columns are aligned and no line ends in spaces."""
    monkeypatch.setenv("COLUMNS", "20")
    output.table(("name", "n", "note"), [("x" * 500, 1, "a b"), ("y", None, "")])
    heading, long, short = capsys.readouterr().out.splitlines()
    assert heading == "name" + " " * 498 + "n  note"
    assert long == "x" * 500 + "  1  a b"
    assert short == "y"


@given(st.lists(st.tuples(st.text(), st.text()), min_size=1, max_size=5))
def test_whatever_is_in_the_cells_each_row_is_one_line_of_printable_text(rows):
    """Names of files and tags may hold anything."""
    with pytest.MonkeyPatch.context() as patch:
        lines = []
        patch.setattr("builtins.print", lambda *args, **_: lines.append(" ".join(args)))
        output.table(("one", "two"), rows)
    assert len(lines) == len(rows) + 1
    assert all(line.isprintable() for line in lines)


def test_hostile_text_is_escaped_in_tables(capsys):
    """Control characters, markup, surrogates and direction marks are shown, not obeyed."""
    output.table(("name",), [(HOSTILE,)])
    assert capsys.readouterr().out.splitlines()[1] == PLAIN


def test_a_table_without_rows_says_so_or_nothing(capsys):
    """Headings over nothing tell nothing."""
    output.table(("a",), [], empty="none yet")
    output.table(("a",), [])
    assert capsys.readouterr().out == "none yet\n"


def test_at_a_terminal_tables_fit_it_and_lose_nothing():
    """Long cells are folded into the terminal's width; hostile text and markup are shown as they are."""
    with at_terminal() as terminal:
        shown = terminal.read_until(r"(?s).*\[y/N\]")[0]
        terminal.type("y\n")
        terminal.read_until("answer: True")
    assert shown.count("x") >= 60
    assert shown.count("y") >= 60
    assert not ("x" * 60 in shown and "y" * 60 in shown)
    assert "\x1b[1m" in shown
    assert "\x1b[31ma" not in shown
    assert "\\x1b[31m" in shown
    assert "[bold]" in shown


@pytest.mark.parametrize(("width", "spared"), [(60, []), (24, ["identifier"])])
def test_a_narrow_terminal_goes_without_columns_that_can_be_spared(width, spared, monkeypatch):
    """Whole cells of what matters are worth more than broken ones of everything."""
    monkeypatch.setenv("COLUMNS", str(width))
    written = io.StringIO()
    monkeypatch.setattr(sys, "stdout", written)
    written.isatty = lambda: True
    output.table(("name", "loss", "identifier"), [("digits-tf1", 0.1234, "mo12345678901")], spare=("identifier",))
    shown = written.getvalue()
    assert "digits-tf1" in shown
    assert "0.1234" in shown
    assert ("mo12345678901" in shown) == (not spared)


def test_no_color_means_no_colours_at_a_terminal():
    """https://no-color.org; the heading may still be bold, for that is no colour."""
    with at_terminal(NO_COLOR="1") as terminal:
        shown = terminal.read_until(r"(?s).*\[y/N\]")[0]
        terminal.type("\n")
        terminal.read_until("answer: False")
    assert not [
        code for code in shown.split("\x1b[")[1:] if code.startswith(("3", "4", "9")) and "m" in code[:12].partition("m")[1]
    ]


@pytest.mark.parametrize(
    ("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)]
)
def test_colours_are_for_terminals_that_want_them(environment, coloured, monkeypatch):
    """An empty NO_COLOR counts as absent, as its specification says; a file never gets colours."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    class Stream:
        def __init__(self, *, terminal):
            self.isatty = lambda: terminal

    assert output.coloured(Stream(terminal=True)) is coloured
    assert output.coloured(Stream(terminal=False)) is False


# --------------------------------------------------------------------------------------------------------- progress, questions


def test_progress_is_silent_off_a_terminal(capsys):
    """A log file is not filled with bars, and rich is not even loaded."""
    loaded = "rich" in sys.modules
    with output.progress("copying", 100) as done:
        done(50)
        done(50)
    assert capsys.readouterr() == ("", "")
    assert ("rich" in sys.modules) == loaded


def test_without_a_terminal_nobody_is_asked():
    """What cannot be undone is not done on a guess."""
    with pytest.raises(UsageError, match="say --yes"):
        output.confirm("delete digits for good?", yes=False)
    assert output.confirm("delete digits for good?", yes=True) is True


# --------------------------------------------------------------------------------------------------------- numbers, JSON


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (104_600, "104.6 kB"), (2_500_000_000, "2.5 GB"), (10**18, "1000.0 PB")],
)
def test_sizes_are_in_powers_of_1000(count, text):
    """As disks are sold."""
    assert output.size(count) == text


@pytest.mark.parametrize(
    ("age", "text"),
    [(-100, "now"), (0.5, "now"), (59, "59 s ago"), (61, "1 min ago"), (3 * 86400, "3 d ago"), (86400 * 800, "2 y ago")],
)
def test_ages_are_in_their_largest_unit(age, text, monkeypatch):
    """A time in the future, of another machine's clock, is now."""
    now = time.time()
    monkeypatch.setattr("modelwatch.cli.output.time.time", lambda: now)
    assert output.ago(now - age) == text


def test_json_is_ascii_and_strict(capsys):
    """Any JSON reader takes it: no NaN, no surrogate that is not escaped."""
    output.print_json({"a": math.nan, "b": "é\udcff\x1b"})
    text = capsys.readouterr().out
    assert text.isascii()
    assert json.loads(text, parse_constant=pytest.fail) == {"a": "NaN", "b": "é\udcff\x1b"}
