"""Which pairs of records are worth comparing.

Belongs here: what two records must share (`keys`), the records that share it (`groups`), and the pairs that follow, of all
records (`candidates`) or of those that have changed since last night (`follow`).
"""
