"""Deliveries: what suppliers put into the landing place, checked, decided, read, kept and answered.

Belongs here: everything between a file's arrival and its records as delivered, and the register of it. Not here: any
judgement of a record's values (`pipelines.validation`). In order: `scan` → `receive` → (judgement) → `conclude`.
"""

from pipelines.deliveries.codes import Finding, finding
from pipelines.deliveries.intake import Receipt, conclude, receive, restore_answer
from pipelines.deliveries.landing import FoundDelivery, scan
from pipelines.deliveries.readers import ReadResult, read_delivery
from pipelines.deliveries.register import Register
from pipelines.deliveries.states import DeliveryEntry, Ruling, rule_on
from pipelines.deliveries.store import Store, StoredDelivery

__all__ = [
    "DeliveryEntry",
    "Finding",
    "FoundDelivery",
    "ReadResult",
    "Receipt",
    "Register",
    "Ruling",
    "Store",
    "StoredDelivery",
    "conclude",
    "finding",
    "read_delivery",
    "receive",
    "restore_answer",
    "rule_on",
    "scan",
]
