"""What the browser tests share: one Chromium, a filled repository that each file gets a copy of, and pages that must not complain."""

import importlib.util
import itertools
import shutil
import time

import browsers
import pytest
from serving import serving
from trained_models import fill

from modelwatch.repository.repository import Repository

_LIMIT_MILLISECONDS = 20_000
"""For what never happens: other work on the machine must fail no test."""

_numbers = itertools.count(1)

collect_ignore_glob = ["test_*.py"] if importlib.util.find_spec("playwright") is None else []
"""Where Playwright is not installed these files cannot even be read; `make test-browser` has an environment that has it."""


def pytest_runtest_setup(item):
    """Skip a browser's test where there is none, saying how to; fail when `--require-browser` was given."""
    if item.get_closest_marker("browser") and (missing := browsers.missing()):
        if item.config.getoption("--require-browser"):
            pytest.fail(f"{missing}; run tests/browser/prepare.sh", pytrace=False)
        pytest.skip(f"NOT TESTED IN A BROWSER, {missing}; run `make test-browser`")


@pytest.fixture(scope="session")
def chromium():
    """Start Chromium."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=_LIMIT_MILLISECONDS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browsers.chromium(), args=list(browsers.ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def filled(tmp_path_factory):
    """Fill a repository as a team's is after a while."""
    root = tmp_path_factory.mktemp("filled") / "repository"
    fill(Repository.open(root, create=True), tmp_path_factory.mktemp("snapshots"), now=time.time())
    return root


@pytest.fixture(scope="module")
def site(filled, tmp_path_factory):
    """Serve a copy of the filled repository to the tests of one file; it has no accounts."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(filled, folder / "repository")
    with serving(folder / "repository", folder / "log") as served:
        yield served


@pytest.fixture
def empty_site(tmp_path):
    """Serve a repository that nobody has put anything into."""
    with serving(tmp_path / "repository", tmp_path / "log") as served:
        yield served


class Visitors:
    """Opens pages, each with cookies of its own, and remembers everything that the browser complained about."""

    def __init__(self, browser):
        self._browser = browser
        self._contexts = []
        self.complaints = []
        self.expected = set()

    def __call__(self, base_url, **options):
        """Open a window with Playwright's options of a context, for example `viewport` or `color_scheme`."""
        context = self._browser.new_context(base_url=base_url, **options)
        context.set_default_timeout(_LIMIT_MILLISECONDS)
        self._contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: self._hear(message.type, message.text))
        page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        page.on("requestfailed", self._failed)
        return page

    def expect(self, *texts):
        """Say that the browser will rightly complain with one of these texts."""
        self.expected.update(texts)

    def _hear(self, kind, text):
        if kind in {"error", "warning"}:
            self.complaints.append(f"{kind}: {text}")

    def _failed(self, request):
        if "/events" not in request.url and "ERR_ABORTED" not in (request.failure or ""):
            self.complaints.append(f"failed: {request.url}: {request.failure}")

    def close(self):
        """Close every window, and check that the browser had nothing to complain about."""
        for context in self._contexts:
            context.close()
        unexpected = [text for text in self.complaints if not any(expected in text for expected in self.expected)]
        assert not unexpected, unexpected


@pytest.fixture
def visit(chromium):
    """Return what opens pages; at the end no page may have logged an error, broken the policy or failed to load something."""
    visitors = Visitors(chromium)
    yield visitors
    visitors.close()


@pytest.fixture
def page(visit, site):
    """Return a window on the site."""
    return visit(site.url, viewport={"width": 1280, "height": 800})


@pytest.fixture
def new_name():
    """Return a name that no other test uses."""
    return f"model-{next(_numbers)}"
