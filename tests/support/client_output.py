"""Reading what Gradient's client prints for people: it has no other output."""

import re

_UPLOADED = re.compile(r"ID: (mo[a-z0-9]{13})\b")


def rows(output):
    """Return the rows of a table, its head among them."""
    lines = [line[line.index("|") :] for line in output.splitlines() if line.rstrip().endswith("|") and "|" in line]
    return [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]


def uploaded(output):
    """Return the id that the client was told for its upload."""
    found = _UPLOADED.search(output)
    assert found, output
    return found[1]
