"""Exports the constants of a module with a star, for the evaluation files."""

from receipt_constants import *
