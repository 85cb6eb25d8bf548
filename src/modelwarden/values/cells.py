"""Cells of tables that people open in spreadsheets: none of them is run as a formula (AC-77)."""

from __future__ import annotations

from typing import Final

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would run; such a cell gets an apostrophe before it."""


def safe_cell(text: str) -> str:
    """Return a text that no spreadsheet runs."""
    return f"'{text}" if text.startswith(FORMULA) else text
