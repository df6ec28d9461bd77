"""How much of a long table a page holds."""

__all__ = ["ROWS_EMBEDDED"]

ROWS_EMBEDDED = 2000  # more would make the page slow to open; the CSV file has them all
