"""The model repository: a layout of plain files; a database is only ever an index of it."""
