"""What the tests of the agent share."""

import logging

import pytest


@pytest.fixture
def messages():
    """The messages that are logged while the test runs, without their fields."""
    told = []

    class Listener(logging.Handler):
        def emit(self, record):
            told.append(record.getMessage())

    logger, listener = logging.getLogger("modelwatch"), Listener()
    before = logger.level
    logger.addHandler(listener)
    logger.setLevel("INFO")
    yield told
    logger.removeHandler(listener)
    logger.setLevel(before)
