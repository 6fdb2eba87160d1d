"""The images of container/, as they are built."""

import json

import pytest
from containers import BASE, ENTRYPOINT, MODELWATCH, OLDER, PIP, podman

pytestmark = [pytest.mark.container, pytest.mark.timeout(900)]  # the first test also builds the images

LARGEST_BYTES = 80_000_000


def inspected(image):
    """Return what podman tells of an image."""
    return json.loads(podman("image", "inspect", image).stdout)[0]


def test_the_image_is_small_and_not_roots(site):
    """The image runs as a number that is not 0, holds little, and says what it is."""
    image = inspected(MODELWATCH)
    assert image["Config"]["User"] == "65532:65532"
    assert image["Config"]["Entrypoint"] == ["/opt/modelwatch/bin/modelwatch"]
    assert image["Size"] < LARGEST_BYTES
    assert image["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert image["Labels"]["org.opencontainers.image.version"] == "0.0.0"


@pytest.mark.parametrize(("image", "below"), [(ENTRYPOINT, OLDER), (PIP, BASE)])
def test_a_training_image_keeps_its_environment(site, image, below):
    """Neither PATH nor any other variable is set by putting modelwatch into an image."""
    assert inspected(image)["Config"].get("Env") == inspected(below)["Config"].get("Env")


@pytest.mark.parametrize("file", ["libc.so.6", "libsqlite3.so.0", "libgcc_s.so.1", "libstdc++.so.6"])
def test_the_licences_of_what_is_copied_are_there(site, file):
    """Each shared library's licence travels with it, as its own terms ask."""
    packages = {
        "libc.so.6": "libc6",
        "libsqlite3.so.0": "libsqlite3-0",
        "libgcc_s.so.1": "libgcc-s1",
        "libstdc++.so.6": "libstdc++6",
    }
    code = f"import os; assert os.path.exists('/opt/modelwatch/python/lib/{file}'); print(os.listdir('/opt/modelwatch/licenses'))"
    listed = podman("run", "--rm", "--entrypoint=/opt/modelwatch/bin/python", MODELWATCH, "-I", "-c", code).stdout
    assert f"'{packages[file]}'" in listed
    assert "'modelwatch'" in listed
