"""Templates, style sheets, scripts and icons fit one another, and keep to the policy that they are served under."""

import hashlib
import re
from pathlib import Path

import pytest

import modelwatch.server

SERVER = Path(modelwatch.server.__file__).parent
STATIC = SERVER / "static"
TEMPLATES = {path.name: path.read_text() for path in (SERVER / "templates").glob("*.html")}
SHEETS = {path.name: path.read_text() for path in (STATIC / "css").glob("*.css")}
SCRIPTS = {path.relative_to(STATIC).as_posix(): path.read_text() for path in (STATIC / "js").rglob("*.js")}
TEXTS = {**TEMPLATES, **SCRIPTS}


def test_the_table_of_others_code_is_right():
    """Each file of somebody else is named with its digest, version and licence, and nothing else is there."""
    vendor = STATIC / "vendor"
    rows = re.findall(
        r"^\| `([^`]+)` \| .* \| ([\d.]+) \| \w+, `([^`]+)` \| `([0-9a-f]{64})` \|$",
        (vendor / "VERSIONS.md").read_text(),
        re.MULTILINE,
    )
    assert {name: hashlib.sha256((vendor / name).read_bytes()).hexdigest() for name, *_ in rows} == {
        name: digest for name, _, _, digest in rows
    }
    licences = {licence for _, _, licence, _ in rows}
    assert {path.name for path in vendor.iterdir()} == {name for name, *_ in rows} | licences | {"VERSIONS.md"}
    assert all((vendor / licence).read_text().strip() for licence in licences)


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_escapes_everything_and_holds_no_code(name):
    """No template marks text as safe, and none has a script, a style or a handler in it."""
    text = TEMPLATES[name]
    assert not re.search(r"\|\s*safe\b|autoescape\s+false|Markup\(", text)
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|hx-on|hx-vals=.js:|javascript:", text, re.IGNORECASE)
    assert not re.search(r"(?:src|href)=[\"']?(?:https?:)?//", text)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_makes_no_markup_of_text(name):
    """What scripts show they show as text: nothing is parsed as HTML and nothing is evaluated."""
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setAttribute\(\"style", SCRIPTS[name]
    )


def test_every_icon_that_is_asked_for_is_there():
    """An icon's name that is mistyped would be an empty place."""
    drawn = set(re.findall(r'<symbol id="([\w-]+)"', (STATIC / "icons.svg").read_text()))
    asked = {name for text in TEMPLATES.values() for name in re.findall(r'icon\("([\w-]+)"', text)}
    asked |= {name for text in TEMPLATES.values() for name in re.findall(r'icon\("[\w-]+" if [^"]*? else "([\w-]+)"', text)}
    asked |= set(re.findall(r'Link\("[\w-]+", "[\w ]+", [^\n]*, "([\w-]+)"\)', (SERVER / "pages" / "rendering.py").read_text()))
    assert asked - drawn == set()
    assert drawn - asked == set()


def test_every_file_that_a_page_loads_is_there():
    """Each style sheet, script and picture that a template names exists; so does each module that a script imports."""
    named = {name for text in TEMPLATES.values() for name in re.findall(r'\{\{ static \}\}/([\w./-]+)"', text)}
    assert named
    assert all((STATIC / name).is_file() for name in named), named
    for name, text in SCRIPTS.items():
        for imported in re.findall(r'^import .*"(\.[\w./-]+)";', text, re.MULTILINE):
            assert (STATIC / name).parent.joinpath(imported).is_file(), (name, imported)


def test_every_colour_and_size_is_declared():
    """A variable that no sheet declares would be no colour at all."""
    declared = {name for text in SHEETS.values() for name in re.findall(r"^\s*(--[\w-]+):", text, re.MULTILINE)}
    used = {name for text in SHEETS.values() for name in re.findall(r"var\((--[\w-]+)", text)}
    assert used - declared == set()
    assert {f"--series-{number}" for number in range(8)} <= declared


def test_a_class_that_a_page_uses_is_in_a_sheet():
    """A class of a template that no sheet and no script knows is a mistake or left over."""
    known = {name for text in [*SHEETS.values(), *SCRIPTS.values()] for name in re.findall(r"\.?([a-zA-Z][\w-]*)", text)}
    used = {name for text in TEMPLATES.values() for names in re.findall(r'class="([^"{]*)"', text) for name in names.split()}
    assert used - known == set()


def _channels(colour):
    return [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]


def _luminance(colour):
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in _channels(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one, other):
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


COLOURS = {
    name: (light, dark)
    for name, light, dark in reversed(re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", SHEETS["tokens.css"]))
}


@pytest.mark.parametrize("number", range(8))
@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_the_lines_of_a_chart_stand_out(number, scheme):
    """Every line has a contrast of 3:1 with what it is drawn on (WCAG 1.4.11)."""
    assert _contrast(COLOURS[f"series-{number}"][scheme], COLOURS["surface"][scheme]) >= 3


# Viénot, Brettel and Mollon 1999: what a colour is to an eye without red, and without green, receptors.
BLINDNESS = {
    "protanopia": ((0.11238, 0.88762, 0.0), (0.11238, 0.88762, -0.0), (0.00401, -0.00401, 1.0)),
    "deuteranopia": ((0.29275, 0.70725, 0.0), (0.29275, 0.70725, -0.0), (-0.02234, 0.02234, 1.0)),
}


def _seen(colour, kind):
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in _channels(colour)]
    if kind == "all colours":
        return linear
    return [sum(weight * value for weight, value in zip(row, linear, strict=True)) for row in BLINDNESS[kind]]


def _lab(linear):
    red, green, blue = linear
    xyz = (
        (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.95047,
        0.2126 * red + 0.7152 * green + 0.0722 * blue,
        (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.08883,
    )
    x, y, z = (value ** (1 / 3) if value > 0.008856 else 7.787 * value + 16 / 116 for value in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


@pytest.mark.parametrize("kind", ["all colours", *BLINDNESS])
@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_the_lines_that_are_drawn_first_differ_for_every_eye(kind, scheme):
    """The first four colours, as many as are usually compared, are told apart with every kind of colour vision (ΔE of 10 at least)."""
    seen = [_lab(_seen(COLOURS[f"series-{number}"][scheme], kind)) for number in range(4)]
    for index, one in enumerate(seen):
        for other in seen[index + 1 :]:
            assert sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5 >= 10
