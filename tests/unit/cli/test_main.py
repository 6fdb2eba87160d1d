"""The command line's top: every way it can end, and what it says then."""

import os
import subprocess
import sys
import types

import pytest

from modelwatch import __version__
from modelwatch.cli import main as command_line
from modelwatch.cli.main import COMMANDS, build_parser, main
from modelwatch.core.errors import PermanentError

LIMIT_SECONDS = 60


def subcommands(parser, words=()):
    """Give the words of every command that a parser has, those below others too."""
    for action in parser._subparsers._group_actions if parser._subparsers else ():
        for word, below in action.choices.items():
            yield (*words, word)
            yield from subcommands(below, (*words, word))


EVERY_COMMAND = sorted(subcommands(build_parser()))
THOSE_THAT_DO_SOMETHING = [words for words in EVERY_COMMAND if not any(longer[:-1] == words for longer in EVERY_COMMAND)]


@pytest.fixture
def broken(monkeypatch):
    """Return a function that adds the command `broken`, whose handler does what is given."""

    def add(handle):
        module = types.ModuleType("broken_command")
        module.add_to = lambda subparsers: subparsers.add_parser("broken").set_defaults(handle=handle)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setattr(command_line, "COMMANDS", {**COMMANDS, "broken": module.__name__})

    return add


def raising(error):
    """Return a handler that raises `error`."""

    def handle(arguments):
        raise error

    return handle


# ---------------------------------------------------------------------------------------------------------------------- help


@pytest.mark.parametrize("words", EVERY_COMMAND, ids=" ".join)
def test_every_command_has_help(words, capsys):
    """Whatever the command, --help says how it is used and ends with 0."""
    assert main([*words, "--help"]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith(f"usage: modelwatch {' '.join(words)}")
    assert shown.err == ""


@pytest.mark.parametrize("words", THOSE_THAT_DO_SOMETHING, ids=" ".join)
def test_every_commands_help_shows_examples_of_itself(words, capsys):
    """Each command that does something shows how it is typed."""
    main([*words, "--help"])
    examples = capsys.readouterr().out.partition("examples:\n")[2]
    command = words[:-1] if words[0] == "completion" else words
    assert f"modelwatch {' '.join(command)}" in examples


def test_without_a_command_it_says_where_to_start(capsys):
    """The bare word is a question, not a mistake."""
    assert main([]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in COMMANDS)
    assert "start here:" in shown


def test_the_version_is_the_packages(capsys):
    """--version goes to standard output, where scripts read it."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"modelwatch {__version__}\n"


# -------------------------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["wacth"], "did you mean watch?"),
        (["models", "lst"], "did you mean list?"),
        (["models", "list", "--repositry", "r"], "did you mean --repository?"),
        (["watch", "--modelpath", "m"], "did you mean --modelPath?"),
        (["watch", "--MODEL_PATH", "m"], "did you mean --modelPath?"),
        (["watch", "--modelTyp=ONNX"], "did you mean --modelType?"),
        (["completion", "bsh"], "did you mean bash?"),
        (["models"], "modelwatch models --help"),
        (["watch", "--modelPath"], "expected one argument"),
        (["models", "list", "--zzzzzzzz"], "modelwatch models list --help"),
    ],
)
def test_a_word_that_is_not_understood_is_64_with_the_nearest_right_one(words, hint, capsys):
    """Commands, flags and words to choose from alike; nothing goes to standard output."""
    assert main(words) == 64
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("modelwatch: error: ")
    assert hint in shown.err


def test_a_far_word_gets_no_guess(capsys):
    """A guess that is not near would only mislead."""
    assert main(["qqqqqq"]) == 64
    assert "did you mean" not in capsys.readouterr().err


def test_wrong_options_are_78_all_at_once(monkeypatch, capsys, tmp_path):
    """One line for each problem, whatever source it is from, with its value, its origin and the nearest right value."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODELWATCH_SETTLE_TIME", "2 weeks")
    (tmp_path / "modelwatch.yaml").write_text("logLevel: warn\nmodlName: digits\n")
    assert main(["config", "show", "--modelType", "tensorflo"]) == 78
    shown = capsys.readouterr()
    assert shown.out == ""
    problems = [line for line in shown.err.splitlines() if line.startswith("modelwatch: error: ")]
    assert len(problems) == 4
    assert "`modelwatch config example`" in shown.err.splitlines()[-1]  # which works whatever is wrong
    assert main(["config", "example"]) == 0
    for field, value, origin, hint in (
        ("modelType", "tensorflo", "flag --modelType", "did you mean Tensorflow?"),
        ("settleTime", "2 weeks", "environment MODELWATCH_SETTLE_TIME", "write 20"),
        ("logLevel", "warn", f"{tmp_path}/modelwatch.yaml line 1", "did you mean warning?"),
        ("modlName", "digits", f"{tmp_path}/modelwatch.yaml line 2", "did you mean modelName?"),
    ):
        [line] = [line for line in problems if line.startswith(f"modelwatch: error: {field} = '{value}' (from {origin})")]
        assert hint in line


def test_an_error_of_our_own_is_70_without_a_traceback(broken, capsys):
    """A user is told what to do; the one who asks for it gets the traceback."""
    broken(raising(RuntimeError("out of cheese\n\x1b[31m")))
    assert main(["broken"]) == 70
    shown = capsys.readouterr().err
    assert "internal error: RuntimeError: out of cheese\\n\\x1b[31m" in shown
    assert "MODELWATCH_DEBUG=1" in shown
    assert "Traceback" not in shown


def test_the_traceback_is_shown_to_those_who_ask(broken, capsys, monkeypatch):
    """MODELWATCH_DEBUG is what the hint tells to set."""
    monkeypatch.setenv("MODELWATCH_DEBUG", "1")
    broken(raising(RuntimeError("out of cheese")))
    assert main(["broken"]) == 70
    assert "Traceback" in capsys.readouterr().err


def test_an_expected_error_is_its_message_hint_and_code(broken, capsys):
    """Hostile text in it cannot reach the terminal as it is."""
    broken(raising(PermanentError("refused \x1b]0;title\x07\nsecond line", hint="ask\tsomebody")))
    assert main(["broken"]) == PermanentError.exit_code
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "modelwatch: error: refused \\x1b]0;title\\x07",
        "modelwatch: error: second line",
        "modelwatch: hint: ask\\tsomebody",
    ]


def test_an_interrupt_is_130_and_says_nothing(broken, capsys):
    """Who presses Ctrl-C knows it."""
    broken(raising(KeyboardInterrupt()))
    assert main(["broken"]) == 130
    assert capsys.readouterr().err == ""


def test_before_the_training_starts_run_fails_with_125(monkeypatch, capsys, tmp_path):
    """Its other codes are the training's; an interrupt stays one."""
    monkeypatch.chdir(tmp_path)
    assert main(["run"]) == 125
    assert main(["run", "--modelTyp", "x", "--", "true"]) == 125
    assert main(["run", "--modelPath", "m", "--modelType", "x", "--", "true"]) == 125
    assert main(["run", "--help"]) == 0
    capsys.readouterr()


# ------------------------------------------------------------------------------------------------------------------- streams


@pytest.fixture
def nobody_reads():
    """Give a descriptor that cannot be written: the reader has gone."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


def modelwatch(*words, **streams):
    """Run the command in a process of its own."""
    command = [sys.executable, "-I", "-m", "modelwatch", *words]
    return subprocess.run(command, check=False, text=True, timeout=LIMIT_SECONDS, **streams)


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["config", "show"], ["completion", "bash"]], ids=" ".join)
def test_a_reader_that_goes_away_is_141_and_silence(words, nobody_reads):
    """As `modelwatch … | head` leaves it; the interpreter's own flush must not complain either."""
    done = modelwatch(*words, stdout=nobody_reads, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_reader_of_the_errors_that_goes_away_is_141_too(nobody_reads):
    """There is nobody left to tell."""
    assert modelwatch("wacth", stdout=subprocess.DEVNULL, stderr=nobody_reads).returncode == 141


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has /dev/full")  # noqa: PTH110 - short for a decorator
@pytest.mark.parametrize("words", [["--help"], ["config", "show"], ["completion", "bash"]], ids=" ".join)
def test_an_output_that_cannot_be_written_is_74(words):
    """A result that did not reach its file is no success."""
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        done = modelwatch(*words, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 74
    assert done.stderr == "modelwatch: error: the output cannot be written: No space left on device\n"


@pytest.mark.parametrize("number", [0, 1, 2])
def test_streams_that_were_closed_before_the_start_do_no_harm(number, tmp_path):
    """A service manager may close them; what would be printed is gone, the exit code is not."""
    script = f'"$@" {number}{"><"[number == 0]}&-'
    command = ["/bin/sh", "-c", script, "sh", sys.executable, "-I", "-m", "modelwatch"]
    assert subprocess.run([*command, "--version"], check=False, capture_output=True).returncode == 0
    assert subprocess.run([*command, "wacth"], check=False, capture_output=True).returncode == 64
    delete = ["models", "delete", "m", "--repository", tmp_path]
    assert subprocess.run([*command, *delete], check=False, capture_output=True).returncode in {64, 66}


def test_text_that_the_encoding_lacks_is_escaped(tmp_path):
    """In the C locale, names that are not ASCII do not end the command."""
    environment = {**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    command = [
        sys.executable,
        "-X",
        "utf8=0",
        "-m",
        "modelwatch",
        "config",
        "show",
        "--modelName",
        "größe→",
        "--repository",
        tmp_path,
    ]
    done = subprocess.run(command, check=False, capture_output=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert b"modelName" in done.stdout


def test_only_the_commands_module_that_is_asked_for_is_imported():
    """`run` stands before a training: it must not wait for what other commands need."""
    program = (
        "import sys; from modelwatch.cli.main import main; main(['run', '--help'])\n"
        "assert not {'rich', 'shtab', 'sqlite3', 'modelwatch.cli.models', 'modelwatch.cli.watch'} & sys.modules.keys()"
    )
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}  # coverage imports sqlite3
    done = subprocess.run([sys.executable, "-I", "-c", program], check=False, capture_output=True, text=True, env=unmeasured)
    assert done.returncode == 0, done.stderr


def test_help_lists_the_values_of_an_option(capsys):
    """Who reads the help of an option with few values learns them there."""
    assert main(["watch", "--help"]) == 0
    assert "One of auto, Tensorflow, ONNX, Custom." in " ".join(capsys.readouterr().out.split())
