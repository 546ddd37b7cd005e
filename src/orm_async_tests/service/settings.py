"""Reads the service's settings from environment variables that begin with `ORM_ASYNC_SERVICE_`."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "ORM_ASYNC_SERVICE_"
KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB
MIN_SECONDS = 0.001  # in PostgreSQL, 0 ms means no timeout
MAX_SECONDS = 2_000_000  # PostgreSQL stores a timeout as milliseconds in 31 bits
HOSTS = re.compile(r"(\*|(\*\.)?[^\s,*]+)(\s*,\s*(\*|(\*\.)?[^\s,*]+))*")


def parse_hosts(text: str) -> str:
    if not HOSTS.fullmatch(text.strip()):
        raise ValueError(
            "write host names separated by commas, for example localhost, *.example.com"
        )
    return text


Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(ge=MIN_SECONDS, le=MAX_SECONDS)]


class Settings(BaseSettings):
    """The addresses, limits and timeouts of the service, in seconds and bytes."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    # Where reads go, for example to a standby. By default they go where writes go.
    read_url: str = ""
    # Where LISTEN and migrations go. They need a session, which a pooler may not keep.
    listen_url: str = ""
    # Whether the other URLs are those of a PgBouncer that pools transactions.
    pooler: bool = False
    # Names of the service in the header Host; *.example.com for a domain, * for any.
    hosts: Annotated[str, AfterValidator(parse_hosts)] = "localhost,127.0.0.1,[::1],::1"
    telemetry: bool = False

    pool_size: Count = 20
    # Connections beyond pool_size, which are closed after each use.
    max_overflow: int = Field(default=0, ge=0)
    # The number of simultaneous reads. Other reads wait in the order of the requests.
    reads: Count = 4
    pool_timeout: Seconds = 2.0
    command_timeout: Seconds = 30.0
    statement_timeout: Seconds = 20.0

    max_body: Count = MIB
    max_upload: Count = GIB
    # The part of an upload that stays in memory. The rest is in a temporary file.
    upload_memory: int = Field(default=64 * KIB, ge=0)
    # Each limit is a number of simultaneous requests. max_requests ignores uploads and streams.
    max_requests: Count = 250
    max_uploads: Count = 250
    max_streams: Count = 250

    # A body has receive_timeout seconds, and one second more for every receive_rate bytes.
    receive_timeout: Seconds = 20.0
    receive_rate: float = Field(default=500.0, gt=0, allow_inf_nan=False)
    # The service cuts off a response that makes no progress for send_timeout seconds.
    send_timeout: Seconds = 20.0
    # A live stream sends a comment after keep_alive seconds, and ends after live_for seconds.
    keep_alive: Seconds = 15.0
    live_for: Seconds = 3600.0
