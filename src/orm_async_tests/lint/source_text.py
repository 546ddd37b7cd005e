"""Reads the text and the lines of a Python file as Python itself does."""

import io
import tokenize


def decode(data: bytes) -> str:
    """Decode the bytes of a file. Raise SyntaxError or UnicodeDecodeError if the encoding is wrong.

    The encoding of a Python file comes from its byte order mark, or from a comment in its first two
    lines.
    """
    return data.decode(encoding_of(data))


def encoding_of(data: bytes) -> str:
    """Return the encoding that the bytes of a file declare. Raise SyntaxError if the file names an
    unknown encoding.
    """
    return tokenize.detect_encoding(io.BytesIO(data).readline)[0]


def split_lines(text: str) -> list[str]:
    """Return the lines of a text without their line ends.

    Split a text only where Python's parser begins a new line, so that line numbers agree with the
    module `ast`. Unlike str.splitlines(), do not split at a form feed.
    """
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
