"""No file makes anything but settings or problems, however it was made."""

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from modelwatch.config.load import load
from modelwatch.config.options import OPTIONS
from modelwatch.core.errors import ConfigError

_NAMES = st.sampled_from(
    [word for option in OPTIONS for word in (option.name, option.kebab)] + ["model", "type", "path", "apiKey", "<<"]
)
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates() | st.binary(max_size=20)
_VALUES = st.recursive(_SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES | st.text(), inner, max_size=3))
_DOCUMENTS = st.dictionaries(_NAMES | st.text(), _VALUES, max_size=6).map(lambda value: yaml.safe_dump(value).encode())
_TOKENS = [
    "modelPath",
    "model",
    ":",
    "?",
    "-",
    "&a",
    "*a",
    "<<",
    "!!python/object/apply:os.system",
    "!!binary",
    "[",
    "]",
    "{",
    "}",
    "'",
    '"',
    "|",
    ">",
    "#",
    "---",
    "...",
    "~",
    ",",
]
_BREAKS = ["\n", "  ", " ", "\t", "\0", "\ufeff", "\x85", "\ud83d", "%YAML 1.1\n"]
_PIECES = st.lists(st.sampled_from([*_TOKENS, *_BREAKS]), max_size=40).map(
    lambda pieces: "".join(pieces).encode("utf-8", "surrogatepass")
)


@given(
    _DOCUMENTS | _PIECES | st.binary(max_size=200), st.sampled_from(["modelwatch.yaml", "options.yml", ".ps_project/config.yaml"])
)
@example(b"? &a [*a]\n: 1\n", "modelwatch.yaml")
@example(b"&a modelPath: *a\n", "options.yml")
@example(b"modelPath: &a {b: *a}\n", "modelwatch.yaml")
@example(b"logDir: &a [*a, *a]\n", "modelwatch.yaml")
@example(b"model: &a {path: *a, type: *a, ? [x] : y}\n", ".ps_project/config.yaml")
@example(b"modelPath: a\n---\nmodelPath: b\n", "modelwatch.yaml")
@example(b"[" * 50_000, ".ps_project/config.yaml")
def test_any_file_is_settings_or_problems(tmp_path_factory, content, name):
    """Every source in a file: nothing but ConfigError is raised, each problem fits in a few lines, and nothing is executed."""
    folder = tmp_path_factory.mktemp("yaml")
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    problems, values = (), {}
    try:
        values = load({}, {}, str(folder), options_file="options.yml" if name == "options.yml" else None).values
    except ConfigError as error:
        problems = error.problems
    assert bool(problems) != bool(values)
    assert all(len(str(problem)) < 1000 for problem in problems)
    assert all("\0" not in str(value) for value in values.values())


def test_a_value_without_end_is_not_repeated_in_full(tmp_path):
    """A megabyte in a place where a word belongs is reported by its beginning, as a value and as a name."""
    (tmp_path / "modelwatch.yaml").write_text(
        f"logLevel: {'x' * 500_000}\n{'y' * 500}: 1\nteem: {'z' * 500_000}\n", encoding="utf-8"
    )
    with pytest.raises(ConfigError) as caught:
        load({}, {}, str(tmp_path))
    assert len(caught.value.problems) == 3
    assert len(caught.value.message) < 2000
