"""Since 2.1 postgresql:// means psycopg: for asyncpg name it in the URL.

A URL without a driver meant psycopg2 before, which has no asyncio side and was refused. Now it is
taken, and another driver than asyncpg is at work: its types, its errors and its caches are other
ones.

Nothing connects here: the dialect that a URL chooses says its driver.

Docs: https://docs.sqlalchemy.org/en/21/changelog/migration_21.html
"""

from sqlalchemy import URL, make_url

from orm_async_tests.harness import Observation, main_of, right, wrong

SINCE = "2.1"


def bare(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


@wrong
async def without_a_driver(url: URL) -> str:
    """which driver postgresql:// takes"""
    return make_url(bare(url)).get_dialect().driver


@right
async def with_a_driver(url: URL) -> str:
    """which driver postgresql+asyncpg:// takes"""
    return make_url(bare(url)).set(drivername="postgresql+asyncpg").get_dialect().driver


def check(without_a_driver: Observation, with_a_driver: Observation) -> None:
    assert without_a_driver.value == "psycopg"
    assert with_a_driver.value == "asyncpg"


main = main_of(__name__)
