"""A server over a repository of the test's own, and one with two teams for all tests of a file."""

import pytest
from served import served
from two_teams import things_of, two_teams


@pytest.fixture
def server(tmp_path):
    """Give a server with no accounts: whoever reaches it may do everything."""
    with served(tmp_path / "repository") as found:
        yield found


@pytest.fixture(scope="module")
def teams(tmp_path_factory):
    """Give a server with models of two teams, and keys of each scope of both; one model of red's is published."""
    with two_teams(tmp_path_factory.mktemp("teams") / "repository") as found:
        yield found


@pytest.fixture(scope="module")
def reds(teams):
    """Give the things that red has."""
    return things_of(teams, "red")
