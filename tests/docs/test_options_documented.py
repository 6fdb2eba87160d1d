"""Every option stands in the annotated YAML file and in the documentation, as it is declared."""

import re

import pytest
import yaml
from option_documents import documents
from project_files import ROOT, relative

from modelwatch.config.load import load
from modelwatch.config.options import OPTIONS

ANNOTATED = ROOT / "config" / "modelwatch.yaml"


@pytest.mark.parametrize(("path", "text"), documents().items(), ids=lambda value: relative(value) if hasattr(value, "stem") else "")
def test_documents_are_up_to_date(path, text):
    """What `make docs` would write is what is there."""
    assert path.read_text("utf-8") == text


def test_every_option_is_documented():
    """Flag, variable and YAML key of each option can be looked up."""
    page, annotated = ((ROOT / name).read_text("utf-8") for name in ("docs/options.md", "config/modelwatch.yaml"))
    assert [option.name for option in OPTIONS if f"`--{option.name} " not in page or f"`{option.variable}`" not in page] == []
    assert [option.name for option in OPTIONS if f"\n# {option.name}: " not in annotated] == []


def test_the_annotated_file_is_right_with_and_without_its_examples(tmp_path):
    """As it is it says nothing; with every example in force it says every option, and none of them wrongly."""
    assert yaml.safe_load(ANNOTATED.read_text("utf-8")) is None
    in_force = tmp_path / "modelwatch.yaml"
    in_force.write_text(re.sub(r"(?m)^# (?=\w+: )", "", ANNOTATED.read_text("utf-8")), encoding="utf-8")
    loaded = load({}, {}, str(tmp_path))
    assert {name for name, origin in loaded.origins.items() if str(in_force) in origin} == {option.name for option in OPTIONS}
