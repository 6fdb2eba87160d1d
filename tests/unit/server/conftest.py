"""A server over a repository of the test's own."""

import pytest
from served import served


@pytest.fixture
def server(tmp_path):
    """Give a server with no accounts: whoever reaches it may do everything."""
    with served(tmp_path / "repository") as found:
        yield found
