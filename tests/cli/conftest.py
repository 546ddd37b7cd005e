"""Fixtures for the tests of the commands."""

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def restore_logging() -> Iterator[None]:
    """Undo what alembic.ini configures in this process.

    Alembic's log handler writes to the captured standard error of the test that ran Alembic.
    """
    loggers = [logging.getLogger(name) for name in ("", "alembic", "sqlalchemy.engine")]
    before = [(logger, logger.handlers[:], logger.level) for logger in loggers]
    yield
    for logger, handlers, level in before:
        logger.handlers[:] = handlers
        logger.setLevel(level)
