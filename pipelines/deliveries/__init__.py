"""Deliveries: what suppliers put into the landing place, checked, decided, read, kept and answered.

Belongs here: everything between a file's arrival and its records as delivered, and the register of it. Not here: any
judgement of a record's values (`pipelines.validation`). In order: `look` → `receive` → (judgement) → `conclude`
→ `note_decided`.
"""

from pipelines.deliveries.codes import Finding, finding
from pipelines.deliveries.found import FoundDelivery
from pipelines.deliveries.intake import Receipt, conclude, receive, restore_answer
from pipelines.deliveries.landing import LandingKnowledge, Look, look, lying, mended
from pipelines.deliveries.landing_findings import LandingFinding
from pipelines.deliveries.readers import ReadResult, read_delivery
from pipelines.deliveries.register import Register
from pipelines.deliveries.seen import note_decided
from pipelines.deliveries.states import IN_FORCE, DeliveryEntry, Ruling, rule_on
from pipelines.deliveries.store import Store, StoredDelivery

__all__ = [
    "IN_FORCE",
    "DeliveryEntry",
    "Finding",
    "FoundDelivery",
    "LandingFinding",
    "LandingKnowledge",
    "Look",
    "ReadResult",
    "Receipt",
    "Register",
    "Ruling",
    "Store",
    "StoredDelivery",
    "conclude",
    "finding",
    "look",
    "lying",
    "mended",
    "note_decided",
    "read_delivery",
    "receive",
    "restore_answer",
    "rule_on",
]
