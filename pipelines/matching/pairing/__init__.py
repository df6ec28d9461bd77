"""Which pairs of records are worth comparing.

Belongs here: what two records must share (`keys`), and the pairs that follow from it (`candidates`).
"""
