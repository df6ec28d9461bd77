"""The closed sets of words that cross seams, and the lengths of the ids that the program makes itself.

A word that is not here can be in no table of the index. A set may grow: the database's columns take their width from
the longest word, so a longer one needs a migration, and a test says so.
"""

from __future__ import annotations

__all__ = [
    "ACCREDITATION_ACTS",
    "ADDRESS_STATUSES",
    "AGENCY",
    "ATTEMPT_STATES",
    "AUTHORITY",
    "CLAIM_STATES",
    "CLAIM_VERDICTS",
    "CONTRACT",
    "CUSTODY",
    "DECISION_KINDS",
    "DELIVERY_ID",
    "DELIVERY_STATES",
    "DIMENSIONS",
    "EVENT_KINDS",
    "FEED_STANDINGS",
    "FEED_STATES",
    "FLAGS",
    "INDEX_ID",
    "INDEX_ID_STATES",
    "INVOLVEMENT_KINDS",
    "LIVE_OUTCOMES",
    "MODES",
    "MOMENT",
    "MOVE",
    "MOVE_EVIDENCE",
    "MOVE_STATES",
    "NAME_KINDS",
    "NIGHT_STATES",
    "PLACE",
    "POSSIBLE_KINDS",
    "REF",
    "REJECT_OUTCOMES",
    "REJECT_STATES",
    "SEVERITIES",
    "SEXES",
    "SHA256",
    "STEPS",
    "TASK_KINDS",
    "TOKEN_KINDS",
    "VERSION",
    "VERSION_SHOWN",
    "WALL_SIDES",
]

# ---- deliveries -------------------------------------------------------------------------------------------------
MODES = ("full", "delta")
DELIVERY_STATES = (
    "received",
    "verified",
    "loaded",
    "partly_loaded",
    "held",
    "refused",
    "superseded",
    "waived",
    "tested",
)
FEED_STATES = (*DELIVERY_STATES, "expected", "late", "missing")  # of a feed for a night: of its delivery, or of none
FEED_STANDINGS = ("none", "invited", "testing", "accredited", "paused", "ended")  # none: as if nothing had been decided
ACCREDITATION_ACTS = ("invite", "test", "grant", "pause", "resume", "end")
LIVE_OUTCOMES = ("accepted", "queried")
REJECT_OUTCOMES = ("rejected", "queried")
REJECT_STATES = ("open", "corrected", "expired")
SEVERITIES = ("reject", "query")
DIMENSIONS = ("completeness", "conformance", "plausibility")

# ---- persons ----------------------------------------------------------------------------------------------------
SEXES = ("M", "F")
NAME_KINDS = ("current", "former", "alias")
ADDRESS_STATUSES = ("current", "last_known", "none_known", "left_intends_return", "left_no_return", "left_unknown")
INVOLVEMENT_KINDS = ("gp_practice", "school", "service", "sensitive_service")
FLAGS = ("caf_exists", "lead_professional")

# ---- protection -------------------------------------------------------------------------------------------------
TASK_KINDS = (  # of a wish that people must look at, gravest first
    "nobody",
    "unwalled",
    "walled",
    "unread",
    "damaged",
    "gone",
    "unsettled",
    "left",
    "between",
)
TOKEN_KINDS = ("key", "number", "person", "born_at", "lives_at", "given_at", "nearly", "born", "called", "place")

# ---- matching ---------------------------------------------------------------------------------------------------
STEPS = ("new", "probabilistic", "exact", "upn", "nhs_number", "decision")  # in order of trust
POSSIBLE_KINDS = ("review", "refused")
CLAIM_STATES = ("usable", "unknown", "differs", "twice", "many")  # of a row of an interim index
CLAIM_VERDICTS = (
    "confirmed",
    "review",
    "refused",
    "unused",
)  # of two records that an interim index takes for one child
WALL_SIDES = ("a", "b", "between")  # of an identity firewall; between: may belong to either, and is linked with neither
DECISION_KINDS = ("same", "not_the_same", "shield", "unshield", "confirm", "firewall", "unwall", "override", "hold")

# ---- identities -------------------------------------------------------------------------------------------------
INDEX_ID_STATES = ("live", "frozen", "merged", "archived", "ended")
EVENT_KINDS = (
    "minted", "joined", "left", "merged", "split", "restored", "frozen", "shielded", "unshielded", "ended",
)  # fmt: skip

# ---- custody ---------------------------------------------------------------------------------------------------
CUSTODY = ("first", "moved", "taken")
MOVE_EVIDENCE = ("gone", "claimed")
MOVE_STATES = ("proposed", "accepted", "refused", "lapsed")
MOVE = len("M0a1b2c3d4e")  # of the name of a move

# ---- nights -----------------------------------------------------------------------------------------------------
NIGHT_STATES = ("published",)
ATTEMPT_STATES = ("running", "published", "held", "failed", "retired")

# ---- lengths, in characters -------------------------------------------------------------------------------------
AUTHORITY = 3
AGENCY = 40  # of a name in folders and manifests
CONTRACT = AGENCY + len("/123456")
PLACE = AUTHORITY + len("/") + AGENCY + len("/2026-11-20")  # of a delivery, below the landing place
DELIVERY_ID = AUTHORITY + len("/") + AGENCY + len("/2026-11-20/2147483647-0a1b2c3d4e5f")
INDEX_ID = 20  # they have eleven; a longer kind needs no other database
REF = 32  # an opaque reference of a record, a fault or an event, in hex
SHA256 = 64
VERSION = len("v=2026-11-20T20261120T221403Z-0a1b2c3d4e5f")
VERSION_SHOWN = len("v=2026-11-20T20261120T221403Z-0a1b2c3d4e5f-less-0a1b2c3d")
MOMENT = len("2026-11-20T22:14:03.123456+00:00")  # a time, aware, in ISO text
