"""
What every test may rely on: a clean environment, a home folder of its own, no network beyond this machine, nothing left open.

Hypothesis profiles: ``dev`` (the default), ``ci`` (chosen by ``CI=true``) and ``soak`` (``--hypothesis-profile=soak``).
"""

import importlib.util
import os
import signal
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

_TESTS = Path(__file__).parent
_STRIPPED = ("PS_", "PAPERSPACE_", "MODELWATCH_", "PYTHON", "TF_CONFIG", "KUBERNETES_")
_OPEN_FILES = Path("/proc/self/fd")
_ENDING_SECONDS = 5.0
"""A library's worker that was told to end, but not waited for, is not left open."""

_COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}  # other work on the machine must fail no test
settings.register_profile("dev", max_examples=50, **_COMMON)
settings.register_profile("ci", max_examples=100, derandomize=True, print_blob=True, **_COMMON)
settings.register_profile("soak", max_examples=5_000, print_blob=True, **_COMMON)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


for _number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
    # `nohup` and shells that start a job in the background hand on ignored signals, and every program under test would ignore them too.
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _number == signal.SIGINT else signal.SIG_DFL)


def pytest_addoption(parser):
    """Add the options that `make test-frameworks`, `make test-container` and `make test-browser` use: what is missing is a failure there and a skip elsewhere."""
    parser.addoption("--require-frameworks", action="store_true", help="fail, instead of skip, tests whose framework is missing")
    parser.addoption(
        "--require-containers", action="store_true", help="fail, instead of skip, tests of containers where none can be run"
    )
    parser.addoption(
        "--require-gradient", action="store_true", help="fail, instead of skip, tests of Gradient's client where it is missing"
    )
    parser.addoption(
        "--require-browser", action="store_true", help="fail, instead of skip, tests of pages where there is no browser"
    )


def pytest_runtest_setup(item):
    """Skip a framework's test where TensorFlow is not installed, saying how to run it."""
    if item.get_closest_marker("frameworks") and importlib.util.find_spec("tensorflow") is None:
        if item.config.getoption("--require-frameworks"):
            pytest.fail("TensorFlow is not installed", pytrace=False)
        pytest.skip("TensorFlow is not installed; run `make test-frameworks`")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch, tmp_path_factory):
    """Take away every variable that would configure modelwatch or a Python that it starts, and give the test its own home."""
    for name in list(os.environ):
        if name.startswith(_STRIPPED):
            monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home", numbered=True)
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(home / name.lower()))


@pytest.fixture(autouse=True)
def nothing_left_open(request):
    """Compare the threads and open files of this process before and after each unit test."""
    if _TESTS / "unit" not in request.path.parents:
        yield
        return
    threads, files = set(threading.enumerate()), _open_files()
    yield
    left = [thread for thread in threading.enumerate() if thread not in threads]
    for thread in left:
        thread.join(_ENDING_SECONDS)
    left_threads = [thread.name for thread in left if thread.is_alive()]
    left_files = list((_open_files() - files).elements())
    assert not left_threads, f"threads still running: {left_threads}"
    assert not left_files, f"files still open: {left_files}"


def _open_files() -> Counter[str]:
    """Count what this process's descriptors point at; empty where the system does not tell."""
    targets: Counter[str] = Counter()
    if not _OPEN_FILES.is_dir():
        return targets
    for descriptor in _OPEN_FILES.iterdir():
        try:
            targets[str(descriptor.readlink())] += 1
        except FileNotFoundError:
            continue  # the descriptor that listed the folder
    return targets


def _only_this_machine(event: str, arguments: tuple[object, ...]) -> None:
    """Refuse connections to other machines, in this process."""
    if event != "socket.connect":
        return
    address = arguments[1]
    if isinstance(address, tuple) and address[0] not in {"localhost", "::1"} and not str(address[0]).startswith("127."):
        raise PermissionError(f"tests use no network: {address}")


sys.addaudithook(_only_this_machine)
