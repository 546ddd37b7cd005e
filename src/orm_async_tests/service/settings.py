"""What the service lets its operator set, by ORM_ASYNC_SERVICE_... in the environment."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "ORM_ASYNC_SERVICE_"
KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB
LONGEST = 2_000_000  # seconds: PostgreSQL counts its timeouts in milliseconds, in 31 bits


class Settings(BaseSettings):
    """Limits and timeouts; durations are seconds, sizes are bytes."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    read_url: str = ""  # where reads go, such as a standby; else where writes go
    listen_url: str = ""  # where LISTEN goes: it needs a session, which a pooler may not give
    pooler: bool = False  # the others go through PgBouncer, which pools transactions
    pool_size: int = Field(default=20, ge=1)
    max_overflow: int = Field(default=0, ge=0)  # these are opened and closed again and again
    reads: int = Field(default=4, ge=1)  # at a time, of one statement; the others wait in order
    pool_timeout: float = Field(default=2.0, gt=0, le=LONGEST)
    command_timeout: float = Field(default=30.0, gt=0, le=LONGEST)
    statement_timeout: float = Field(default=20.0, gt=0, le=LONGEST)
    hosts: str = "localhost,127.0.0.1,[::1],::1"  # by which the service may be called; * for any
    max_body: int = Field(default=MIB, ge=1)
    max_upload: int = Field(default=GIB, ge=1)
    upload_memory: int = Field(default=64 * KIB, ge=0)  # of each; the rest is in a temporary file
    max_requests: int = Field(default=250, ge=1)  # at a time, besides uploads and streams
    max_uploads: int = Field(default=250, ge=1)  # at a time
    max_streams: int = Field(default=250, ge=1)  # tracks and live streams, at a time
    receive_timeout: float = Field(default=20.0, gt=0, le=LONGEST)  # a body
    receive_rate: float = Field(default=500.0, gt=0)  # bytes for which a body has one second more
    send_timeout: float = Field(default=20.0, gt=0, le=LONGEST)  # without progress
    keep_alive: float = Field(default=15.0, gt=0, le=LONGEST)
    live_for: float = Field(default=3600.0, gt=0, le=LONGEST)
    telemetry: bool = False
