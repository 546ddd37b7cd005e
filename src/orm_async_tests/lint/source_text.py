"""Reads the text and the lines of a Python file as Python itself does, and other texts."""

import codecs
import io
import tokenize

UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)  # PowerShell's `>` writes UTF-16


def decode(data: bytes) -> str:
    """Decode a Python file by its byte order mark or its encoding comment.

    Raise SyntaxError or UnicodeDecodeError if the encoding is wrong.
    """
    encoding = encoding_of(data)
    try:
        return data.decode(encoding)
    except LookupError:  # for example rot13, which Python cannot decode to a text
        raise SyntaxError(f"unknown encoding: {encoding}") from None


def encoding_of(data: bytes) -> str:
    """Return the encoding of a Python file. Raise SyntaxError if the encoding is unknown."""
    return tokenize.detect_encoding(io.BytesIO(data).readline)[0]


def decode_other_text(data: bytes) -> str:
    """Decode a text that is not Python code by its byte order mark, or else as UTF-8.

    Replace invalid bytes.
    """
    encoding = "utf-16" if data.startswith(UTF_16) else "utf-8-sig"
    return data.decode(encoding, errors="replace")


def split_lines(text: str) -> list[str]:
    """Return the lines of a text without their line endings.

    Unlike str.splitlines(), do not split at a form feed, so that line numbers match `ast`.
    """
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
