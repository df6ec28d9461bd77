"""The records that live tonight: what each feed holds after a delivery, and all feeds in one comparable form.

Belongs here: full, delta, absence and withdrawal (`live_records`), and person records out of live ones (`person_records`, with
what a contract says of its columns in `concepts`). Not here: judging a record (`pipelines.validation`), who is whom
(`pipelines.matching`).
"""
