"""Two records side by side: how closely each field agrees.

Belongs here: the comparisons and their levels (`levels`), and giving each pair its level (`compare`, with `name_likeness`,
`slips` and `identifiers`). Not here: which pairs are compared (`pairing`), what an agreement is worth (`weighing`).
"""
