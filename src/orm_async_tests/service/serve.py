"""poetry run serve: the service on the chosen database, which is migrated first."""

import argparse
import asyncio
import sys

from orm_async_tests import db, errors, migrations
from orm_async_tests.errors import CouldNotRun


def main() -> int:
    """Serve until Ctrl-C; 2 if it could not start."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--db", dest="db_", metavar="URL", help="embedded, compose, or a URL")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    arguments = parser.parse_args()
    return errors.exit_code(lambda: serve(arguments.db_, arguments.host, arguments.port))


def serve(db_: str | None, host: str, port: int) -> int:
    """Serve on this address. Raises CouldNotRun."""
    try:
        import uvicorn

        from orm_async_tests.service.app import create_app
    except ImportError as error:
        raise CouldNotRun(
            f"the package {error.name} is not installed",
            "this Python",
            "poetry install --all-extras",
        ) from None
    with db.chosen(db_, "asyncpg") as database:
        print(f"db: {database.label}, {database.driver}", file=sys.stderr)
        asyncio.run(migrated(database))
        uvicorn.run(create_app(database.url), host=host, port=port, timeout_graceful_shutdown=10)
    return 0


async def migrated(database: db.Database) -> None:
    """Bring the database to today's tables."""
    async with db.connected(database, "orm_async_tests serve") as connection:
        await migrations.ensure(connection)
        await connection.commit()


if __name__ == "__main__":
    raise SystemExit(main())
