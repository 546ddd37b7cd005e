"""Reads the settings of the service from environment variables ORM_ASYNC_SERVICE_... ."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "ORM_ASYNC_SERVICE_"
MIN_SECONDS = 0.001  # PostgreSQL takes a timeout of 0 ms for none
MAX_SECONDS = 2_000_000  # PostgreSQL stores a timeout as milliseconds in 31 bits
HOST = r"(\*|(\*\.)?[^\s,*]+)"

Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(ge=MIN_SECONDS, le=MAX_SECONDS)]


class Settings(BaseSettings):
    """The addresses, limits and timeouts of the service. Durations are in seconds, and sizes are in
    bytes.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    # Where reads go, for example to a standby. By default they go where writes go.
    read_url: str = ""
    # Where LISTEN and migrations go. They need a session, which a pooler may not keep.
    listen_url: str = ""
    # Whether the other URLs are those of a PgBouncer that pools transactions.
    pooler: bool = False
    # Names of the service in the header Host; *.example.com for a domain, * for any.
    hosts: str = Field(default="localhost,127.0.0.1,[::1]", pattern=f"^{HOST}(,{HOST})*$")
    telemetry: bool = False

    pool_size: Count = 20
    # Connections beyond pool_size, which are closed after each use.
    max_overflow: int = Field(default=0, ge=0)
    # Reads of one statement at a time. The others wait in the order of the requests.
    reads: Count = 4
    pool_timeout: Seconds = 2.0
    command_timeout: Seconds = 30.0
    statement_timeout: Seconds = 20.0

    max_upload: Count = 2**30
    # A live stream sends a comment after keep_alive seconds, and ends after live_for seconds.
    keep_alive: Seconds = 15.0
    live_for: Seconds = 3600.0
