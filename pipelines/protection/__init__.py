"""Who must not be seen tonight.

Belongs here: from shielded records to the identities that are shown as shielded children (`shielding`). Not here: secrets and
masks (`pipelines.privacy`), what of a shielded child may be shown (`pipelines.publishing`).
"""
