"""Settings of the service, from the variables ORM_ASYNC_SERVICE_... of the environment."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "ORM_ASYNC_SERVICE_"
KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB
MAX_SECONDS = 2_000_000  # PostgreSQL stores a timeout as milliseconds in 31 bits


class Settings(BaseSettings):
    """Addresses, limits and timeouts. Durations are in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    read_url: str = ""  # for reads, for example of a standby; by default the database of writes
    listen_url: str = ""  # for LISTEN, which needs a session; a pooler may have none
    pooler: bool = False  # the other URLs are of a PgBouncer that pools transactions
    pool_size: int = Field(default=20, ge=1)
    max_overflow: int = Field(default=0, ge=0)  # connections that are closed after each use
    reads: int = Field(
        default=4, ge=1
    )  # reads of one statement at a time; the others wait in order
    pool_timeout: float = Field(default=2.0, gt=0, le=MAX_SECONDS)
    command_timeout: float = Field(default=30.0, gt=0, le=MAX_SECONDS)
    statement_timeout: float = Field(default=20.0, gt=0, le=MAX_SECONDS)
    hosts: str = (
        "localhost,127.0.0.1,[::1],::1"  # names of the service in the header Host; * for any
    )
    max_body: int = Field(default=MIB, ge=1)
    max_upload: int = Field(default=GIB, ge=1)
    upload_memory: int = Field(
        default=64 * KIB, ge=0
    )  # for each upload; the rest is in a temporary file
    max_requests: int = Field(default=250, ge=1)  # at a time, besides uploads and streams
    max_uploads: int = Field(default=250, ge=1)  # at a time
    max_streams: int = Field(default=250, ge=1)  # tracks and live streams, at a time
    receive_timeout: float = Field(default=20.0, gt=0, le=MAX_SECONDS)  # a body
    receive_rate: float = Field(default=500.0, gt=0)  # bytes for which a body has one second more
    send_timeout: float = Field(default=20.0, gt=0, le=MAX_SECONDS)  # without progress
    keep_alive: float = Field(default=15.0, gt=0, le=MAX_SECONDS)
    live_for: float = Field(default=3600.0, gt=0, le=MAX_SECONDS)
    telemetry: bool = False
