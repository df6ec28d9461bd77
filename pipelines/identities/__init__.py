"""Which child a record belongs to, night after night: index ids that live, and the ledger of what happened to them.

Belongs here: giving clusters their ids (`assign`, `mint`), a night's state (`state`), events and history (`ledger`). Not
here: deciding which records are the same child (`pipelines.matching`), or who may see them (`pipelines.privacy`).
"""
