"""Reads the text and the lines of a Python file as Python itself does."""

import io
import tokenize


def decode(data: bytes) -> str:
    """Decode a Python file by its byte order mark or its encoding comment.

    Raise SyntaxError or UnicodeDecodeError if the encoding is wrong.
    """
    return data.decode(encoding_of(data))


def encoding_of(data: bytes) -> str:
    """Return the encoding of a Python file. Raise SyntaxError if the encoding is unknown."""
    return tokenize.detect_encoding(io.BytesIO(data).readline)[0]


def split_lines(text: str) -> list[str]:
    """Return the lines of a text without their line endings.

    Unlike str.splitlines(), do not split at a form feed, so that line numbers match `ast`.
    """
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
