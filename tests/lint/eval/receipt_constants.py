"""Constants, for the evaluation files."""

from secrets import token_hex

NUMBER = token_hex(8)
YEAR = 2026
