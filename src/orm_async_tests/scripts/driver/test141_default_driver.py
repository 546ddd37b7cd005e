"""Since 2.1, postgresql:// means psycopg: name asyncpg in the URL if you want it.

Before 2.1 a URL without a driver meant psycopg2, which has no asyncio side and was refused. Since
2.1 a URL without a driver works, but not on asyncpg: psycopg's types, errors and caches differ.

No variant connects: the dialect that a URL selects names its driver.

Docs: https://docs.sqlalchemy.org/en/21/changelog/migration_21.html
"""

from sqlalchemy import URL, make_url

from orm_async_tests.harness import Observation, main_of, right, wrong

SINCE = "2.1"


def without_driver_name(url: URL) -> str:
    """Return a URL whose scheme is postgresql://."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


@wrong
async def without_a_driver(url: URL) -> str:
    """the driver of postgresql://"""
    return make_url(without_driver_name(url)).get_dialect().driver


@right
async def with_a_driver(url: URL) -> str:
    """the driver of postgresql+asyncpg://"""
    return (
        make_url(without_driver_name(url)).set(drivername="postgresql+asyncpg").get_dialect().driver
    )


def check(without_a_driver: Observation, with_a_driver: Observation) -> None:
    assert without_a_driver.value == "psycopg"
    assert with_a_driver.value == "asyncpg"


main = main_of(__name__)
