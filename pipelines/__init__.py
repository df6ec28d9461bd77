"""How the index is made: one package per stage, in the order data flows.

deliveries → validation → matching → identities → publishing → reporting, on the floors contracts, database, privacy
and tables; `cli` is the command `isindex`. Plain Python: tables in, tables and counts out. No Dagster here.
"""
