"""The HTTP API of a repository as its clients use it: the `http` sink and the command line."""
