"""The documents that are made from the table of options. `python tests/support/option_documents.py` writes them."""

from project_files import ROOT

from modelwatch.config.document import annotated_yaml, markdown_tables

_MARK = "<!-- What follows is written by `make docs`. -->\n\n"


def documents():
    """Return what each document should hold, by its path."""
    page = ROOT / "docs" / "options.md"
    return {
        ROOT / "config" / "modelwatch.yaml": annotated_yaml(),
        page: page.read_text("utf-8").partition(_MARK)[0] + _MARK + markdown_tables(),
    }


if __name__ == "__main__":
    for path, text in documents().items():
        path.write_text(text, encoding="utf-8")
