"""From weighed pairs to identities.

Belongs here: the verdict on a pair (`ladder`, with `guards`), which verdicts can stand together (`clusters`, with
`components`, `assemble` and `improve`), a second look at who is left (`left_over`), the tables of the answer (`answer`),
and what a reviewer is told of an open pair (`review_evidence`).
"""
