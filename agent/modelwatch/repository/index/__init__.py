"""
An SQLite index of a repository, for lists, searches and curves over many versions.

It holds nothing that the directory does not: thrown away, it is built again. docs/repository.md is the specification of what it follows, and
`modelwatch.repository.reading` of what is shown.
"""
