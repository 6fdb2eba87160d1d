"""What the container tests share: the images, built once, and the volumes of each test."""

import containers
import pytest


def pytest_runtest_setup(item):
    """Skip a container's test where containers cannot be run, saying how to; fail when `--require-containers` was given."""
    if item.get_closest_marker("container") and (missing := containers.missing()):
        if item.config.getoption("--require-containers"):
            pytest.fail(f"{missing}; run tests/container/prepare.sh", pytrace=False)
        pytest.skip(f"NOT TESTED IN CONTAINERS, {missing}; run `make test-container`")


@pytest.fixture(scope="session")
def _images(tmp_path_factory):
    """Build the images of container/."""
    containers.build_images(tmp_path_factory.mktemp("build"))


@pytest.fixture
def site(_images, tmp_path):
    """Return the volumes of one training."""
    return containers.Site.make(tmp_path)
