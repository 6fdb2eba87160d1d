"""What the documentation points at is there: files, headings, symbols, make targets, tests."""

import ast
import functools
import importlib
import re
import unicodedata

import pytest
from project_files import PACKAGE, ROOT, files, relative

DOCUMENTS = sorted(files(".md"))
_FENCE = re.compile(r"^(```|~~~).*?^\1\s*$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")
_PATH = re.compile(r"^[\w.-]+(?:/[\w.*<>-]+)*/?$")
_CAMEL = re.compile(r"^[A-Z][a-z0-9]+(?:[A-Z][a-z0-9]*)+(?:\.\w+)*(?:\(\))?$")
_CALL = re.compile(r"^(?:[a-z_]\w*\.)*([a-z_]\w*)\(\)$")
_SOURCES = (".py", ".md", ".yaml", ".toml", ".sh", ".sql")
_FIRST_DAY = ["docs/ARCHITECTURE.md", "docs/PATTERNS.md", "README.md"]


def _prose(path):
    """Return a document's text without its fenced blocks."""
    return _FENCE.sub("", path.read_text("utf-8"))


def _anchor(heading):
    """Return the anchor that the usual renderers make of a heading."""
    text = re.sub(r"[`*_]|\[([^\]]*)\]\([^)]*\)", lambda match: match[1] or "", heading).strip().lower()
    return "".join("-" if char == " " else char for char in text if char in " -_" or unicodedata.category(char)[0] in "LN")


def _anchors(path):
    return {_anchor(line.lstrip("#")) for line in _prose(path).splitlines() if re.match(r"#{1,6} ", line)}


@functools.cache
def _defined_names():
    """Return every class, function, attribute and constant that the package defines."""
    names = set()
    for path in files(".py", below=PACKAGE):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                names.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.add(node.id)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                names.add(node.attr)
    return names


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_links_lead_somewhere(document):
    """A relative link names a file of the project, and its anchor a heading there."""
    broken = []
    for target in _LINK.findall(_prose(document)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        goal = (document.parent / path).resolve() if path else document
        if not goal.exists() or (anchor and anchor not in _anchors(goal)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("name", _FIRST_DAY)
def test_paths_named_in_the_documents_exist(name):
    """A path of a source file or folder in code style is there, from the top, the package or the document's folder."""
    document = ROOT / name
    missing = []
    for code in _CODE.findall(_prose(document)):
        looks_like_source = code.endswith(_SOURCES) or code.endswith("/")
        if not (looks_like_source and _PATH.match(code)) or code.startswith((".modelwatch", ".demo", ".venv")):
            continue
        starts = (ROOT, PACKAGE, document.parent)
        if not any(next(start.glob(code.rstrip("/")), None) for start in starts):
            missing.append(code)
    assert missing == []


@pytest.mark.parametrize("name", _FIRST_DAY)
def test_symbols_named_in_the_documents_exist(name):
    """A dotted name below modelwatch imports; a CamelCase name or a call in code style is defined in the package."""
    missing = []
    for code in _CODE.findall(_prose(ROOT / name)):
        if re.match(r"^modelwatch(\.\w+)+$", code):
            missing += [] if _resolves(code) else [code]
        elif _CAMEL.match(code):
            missing += [part for part in code.removesuffix("()").split(".") if part not in _defined_names()]
        elif called := _CALL.match(code):
            missing += [] if called[1] in _defined_names() else [code]
    assert missing == []


def _resolves(dotted):
    """Return whether a dotted name is a module or something in one."""
    module, _, rest = dotted.rpartition(".")
    try:
        importlib.import_module(dotted)
    except ImportError:
        return bool(module) and hasattr(importlib.import_module(module), rest)
    return True


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_make_targets_named_in_the_documents_exist(document):
    """Every `make …` that a document tells the reader to type is a target of the Makefile."""
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:^|`|\$ )make ([a-z][a-z-]*)", document.read_text("utf-8"), re.MULTILINE))
    assert named - targets == set()


def test_documents_named_in_the_code_exist():
    """A comment or docstring that sends the reader to a document does not send them in vain."""
    missing = {
        f"{relative(path)}: {name}"
        for path in files(".py", ".sql", below=PACKAGE)
        for name in re.findall(r"docs/(?:adr|formats)?/?[\w-]+\.md", path.read_text("utf-8"))
        if not (ROOT / name).exists()
    }
    assert missing == set()
