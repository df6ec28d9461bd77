"""The seams: one schema for each table that crosses from one package into another, and the closed sets of words in it.

Belongs here: names, types, meaning and limits of the columns that both sides agree on. Not here: how a table is made or
what is done with it. Whoever makes one casts it to its seam (`give`), whoever reads one holds it against the same seam
(`conform`), and the database takes its columns and their widths from it: a column that one side never makes, or a word
that does not fit, is found where the two sides meet and not at night.
"""

from pipelines.seams.seam import Column, Seam, conform, give, grown

__all__ = ["Column", "Seam", "conform", "give", "grown"]
