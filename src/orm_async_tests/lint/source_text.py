"""The text of a Python file and its lines, as Python itself reads them."""

import io
import tokenize


def decode(data: bytes) -> str:
    """Return the text of a file. Raise SyntaxError or UnicodeDecodeError for a wrong encoding.

    The encoding is that of the byte order mark or of the comment in the first two lines.
    """
    return data.decode(encoding_of(data))


def encoding_of(data: bytes) -> str:
    """Return the encoding of a file. Raise SyntaxError if it names an unknown one."""
    return tokenize.detect_encoding(io.BytesIO(data).readline)[0]


def split_lines(text: str) -> list[str]:
    """Return the lines of a text without their ends.

    Unlike str.splitlines(), this splits only where Python does, so that the lines have the numbers
    that ast counts. A form feed ends no line.
    """
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
