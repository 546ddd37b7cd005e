"""Defines the types of parameters that several routes have."""

import re
from typing import Annotated

from fastapi import Header, Path, Query
from pydantic import BeforeValidator, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

MAX_ID, MAX_PAGE = 2**31 - 1, 1000

INTEGER = re.compile(r"0|[1-9]\d*", re.ASCII)


def parse_integer(text: str) -> int:
    """Read a whole number from a text. Raise ValueError if the text has another form, for example
    "1_0" or "+10".
    """
    if not INTEGER.fullmatch(text):
        raise ValueError("write a whole number in decimal digits, for example 10")
    return int(text)


class Omittable:
    """An annotation that removes null from the JSON schema of an optional parameter. A parameter in
    a URL or a header cannot be null.

    A union with SkipJsonSchema[None] would also remove null, but its errors name validators of
    pydantic.
    """

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        document = handler(schema)
        [option] = (option for option in document["anyOf"] if option != {"type": "null"})
        return dict(option)


DECIMAL = BeforeValidator(parse_integer)
Id = Annotated[int, Field(ge=1, le=MAX_ID), DECIMAL, Path()]
After = Annotated[
    int,
    Field(ge=0, le=MAX_ID),
    DECIMAL,
    Query(description="the value of `next` from the previous page"),
]
Limit = Annotated[int, Field(ge=1, le=MAX_PAGE), DECIMAL, Query()]
EventId = Annotated[int, Field(ge=0, le=MAX_ID), DECIMAL]
CacheControl = Annotated[
    str | None,
    Omittable(),
    Header(description="no-cache reads from the primary, which has the latest commit"),
]
