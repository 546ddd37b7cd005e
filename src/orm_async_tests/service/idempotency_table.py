"""Defines the service's table of idempotency keys.

The table of idempotency keys has its own schema and its own history of migrations.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, MetaData, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orm_async_tests.models import NAMING_CONVENTION


class Base(DeclarativeBase):
    metadata = MetaData(schema="service", naming_convention=NAMING_CONVENTION)
    type_annotation_map = {datetime: DateTime(timezone=True), dict[str, Any]: JSONB}


class IdempotencyKey(Base):
    """An idempotency key that a request has used.

    The column `request` is a digest of the request. The column `answer` is null until the answer to
    the request is known.
    """

    __tablename__ = "idempotency_keys"

    key: Mapped[str] = mapped_column(primary_key=True)
    request: Mapped[str]
    answer: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)
