"""The words of the reports: what a state, an outcome, a step or an age is called, and what it means in a sentence.

Belongs here: plain language, and the tone a word is shown in. The word always stands beside the colour.
"""

from __future__ import annotations

from datetime import date
from typing import Literal, NamedTuple

__all__ = [
    "AGES",
    "CHANGES",
    "COLOURS",
    "DECISIONS",
    "DIMENSIONS",
    "FEEDS",
    "GLOSSARY",
    "HIDING",
    "OPENINGS",
    "OUTCOMES",
    "PAIRS",
    "PROTECTION",
    "REQUIREMENTS",
    "STANDINGS",
    "STATES",
    "STEPS",
    "TAKEN",
    "TASKS",
    "TONES",
    "Tone",
    "Word",
    "age_band",
    "day",
    "plural",
    "short_day",
]

Tone = Literal["good", "warn", "bad", "info", "quiet"]


class Word(NamedTuple):
    """What something is called, the tone it is shown in, and what it means."""

    text: str
    tone: Tone
    meaning: str


STATES = {
    "expected": Word("Expected", "info", "The delivery has not come yet, and its cut-off has not passed."),
    "received": Word("Received", "info", "The delivery lies in the landing place and has not been checked yet."),
    "verified": Word("Verified", "info", "Manifest, sizes and checksums agree; the records have not been judged yet."),
    "loaded": Word("Loaded", "good", "Every record was read and judged; those accepted or queried are in the index."),
    "partly_loaded": Word(
        "Partly loaded", "warn", "The readable part is in the index; some records were lost or rejected."
    ),
    "held": Word(
        "Held", "warn", "Complete, but not loaded until somebody or a later delivery settles a doubt about it."
    ),
    "refused": Word("Refused", "bad", "Nothing of it was loaded. The supplier must send a corrected delivery."),
    "late": Word("Late", "warn", "Nothing had come by the cut-off. The last good delivery is used until it comes."),
    "missing": Word("Missing", "bad", "Nothing came for this night. The last good delivery is used instead."),
    "tested": Word(
        "Tested",
        "info",
        "The feed is being tested: its records were judged and answered as for a load, and none was loaded.",
    ),
    "waived": Word("Waived", "quiet", "It was decided, with a reason, that this delivery will not come."),
    "superseded": Word("Superseded", "quiet", "A later delivery for the same night took its place."),
    "published": Word("Published", "good", "The index of this authority was refreshed with this night."),
    "failed": Word(
        "Failed", "bad", "The run broke off before the index was refreshed. What was published before stays."
    ),
    "not_published": Word("Not published", "quiet", "Nothing was published for this night."),
    "beyond": Word("Above its limit", "bad", "More of its records were rejected than its service level allows."),
    "silent": Word(
        "Silent",
        "bad",
        "Nothing at all came of this authority for this night. Readers see its last version, and its figures are those of its last night.",
    ),
}
TASKS = {
    "nobody": Word("Means nobody", "bad", "No record here is known by what the wish says, so nobody is hidden by it."),
    "unwalled": Word(
        "No firewall",
        "bad",
        "A firewall was asked for, and no record, several, or one that is most likely another child are meant. The child who asks is hidden meanwhile.",
    ),
    "walled": Word(
        "Firewall stands now",
        "info",
        "A firewall was asked for and stood nowhere. By now it stands: people decided it, or the number was corrected. The child who "
        "asked is hidden still, until two people open it.",
    ),
    "unread": Word("Not understood", "warn", "The mark is none that the contract knows. It protects all the same."),
    "damaged": Word(
        "In a damaged record",
        "warn",
        "The record that asks could not be read whole, so neither could its mark. It protects all the same.",
    ),
    "gone": Word(
        "Mark gone",
        "warn",
        "The record is still there and asks no more, nothing has asked for the child since, and no decision shields it. "
        "The child stays hidden all the same.",
    ),
    "unsettled": Word(
        "Not in force",
        "info",
        "It was asked for in what is not in force: a delivery that was refused, is held or came late, or a record that was rejected. "
        "Nothing newer tells of the record. It protects all the same.",
    ),
    "left": Word(
        "Child gone",
        "info",
        "No record of the child is here any more. Whoever comes back with what it was known by is hidden.",
    ),
    "between": Word(
        "At a firewall",
        "warn",
        "The record may belong to either side of a firewall. It is a child by itself until somebody knows.",
    ),
}
HIDING = {
    "in_force": Word("In force", "good", "The version of this night, as readers of the index see it now."),
    "not_in_force": Word(
        "Not in force",
        "warn",
        "What the night would show: its last run was held or failed, so nobody sees it. Whom it must hide is hidden all the same.",
    ),
    "earlier": Word(
        "Readers see this", "info", "The version of an earlier night, which stays until this night is published."
    ),
    "let_go": Word(
        "As published", "quiet", "As it was told when the night was published; the version is not there to be counted."
    ),
}
TAKEN = {
    "less": Word(
        "Shown less", "info", "The version was published again, without what would give a hidden child away by now."
    ),
    "whole": Word(
        "Shown whole",
        "info",
        "The version was published again as it was built: nobody whom it shows must be hidden any more.",
    ),
    "removed": Word("Removed", "quiet", "The version is gone, for the reason beside it. Nothing stands in its place."),
}
OPENINGS = {
    "unmet": Word(
        "Opens nobody",
        "warn",
        "Two people have opened a child who is hidden all the same: something that they did not decide on still hides it.",
    ),
    "proposed": Word(
        "Waits for a second person",
        "warn",
        "One person has proposed that a child be shown again, or a firewall be taken away. Nothing changes before another confirms it.",
    ),
    "waits": Word(
        "Protection waits",
        "bad",
        "Something stood in the way of hiding a child in every version that is kept. Until it is mended readers may still see it.",
    ),
}
OUTCOMES = {
    "rejected": Word("Rejected", "bad", "The record was not loaded. It needs a correction by its supplier."),
    "queried": Word("Queried", "warn", "The record was loaded, but a doubtful value was set aside or needs an answer."),
}
DIMENSIONS = {
    "completeness": "A value that should be there is missing.",
    "conformance": "A value is not in the agreed form, or not in the agreed list.",
    "plausibility": "A value has the right form but cannot, or can hardly, be true.",
}
STEPS = {
    "nhs_number": Word(
        "NHS number", "good", "The same verified NHS number, and the date of birth or the name agrees too."
    ),
    "upn": Word("UPN", "good", "The same verified pupil number (UPN), and the date of birth or the name agrees too."),
    "exact": Word(
        "Exact details", "good", "Name, date of birth and other details are the same, and nobody else has them."
    ),
    "probabilistic": Word(
        "Likely", "info", "No shared number, but all details together make it very likely the same child."
    ),
    "decision": Word("Decision", "info", "A reviewer decided that these records are the same child."),
    "new": Word(
        "Stands alone", "quiet", "No other record could safely be joined, so the record is a child of its own."
    ),
}
FEEDS = {
    "none": Word(
        "Nothing decided", "quiet", "Nothing was decided of this feed, or it is as it was before it was paused."
    ),
    "invited": Word("Invited", "info", "It was asked to deliver, and is to be tested next."),
    "testing": Word(
        "Testing",
        "info",
        "Its deliveries are judged in full and answered, and kept apart: nothing of them is matched or published.",
    ),
    "accredited": Word("Accredited", "good", "Its deliveries are loaded."),
    "paused": Word(
        "Paused",
        "bad",
        "Nothing of it is taken in. What was published of it stays; who asks to be protected in a delivery is heard all the same.",
    ),
    "ended": Word("Ended", "quiet", "Nothing of it is taken in any more, until it is invited anew."),
}
REQUIREMENTS = {
    "punctual": "The delivery was there before the cut-off, and was made in time.",
    "complete": "Every file and every number of the sequence came, and every record of the manifest was read and judged.",
    "conformant": "No more records were rejected than was agreed, and no column came that the contract does not have.",
    "protective_columns": "The columns by which a child is protected came under their names, and what stands in them was understood.",
    "identifiers": "Enough of the records have a verified national number.",
    "volume": "There are about as many records as on the nights before.",
}
STANDINGS = {
    "in_force": Word("In force", "good", "Every night is matched with it."),
    "candidate": Word("Candidate", "info", "Trained from the records of this deployment. It decides nothing yet."),
    "built_in": Word("Built in", "quiet", "Came with the program. It decides nothing now."),
}
GLOSSARY = (
    ("Agency", "One of the services that send records: for example health or education."),
    ("Authority", "A local authority that runs an index; known by its three-digit code."),
    ("Business date", "The day the data describes. It is never the day on which the data was processed."),
    ("Feed", "One agency’s nightly data for one authority."),
    ("Delivery", "The files of one feed for one business date, with a manifest that lists them."),
    ("Record", "One row or document of a delivery."),
    ("Accepted", "The record kept every rule and was loaded."),
    ("Queried", OUTCOMES["queried"].meaning),
    ("Rejected", OUTCOMES["rejected"].meaning),
    ("Repeat", "An identical copy of a record in the same delivery. It is counted once and left out."),
    ("Lost", "A record of a damaged file that could not be read at all."),
    ("As of", "The business date that a feed’s records really describe."),
    ("Sequence", "The number of the delivery that the record came in; a feed may have more than one a night."),
    ("Position", "The place of the record in its delivery, counted from 1, without the header."),
    ("Line", "The line of the file on which the record begins, where the file has lines."),
    (
        "Key",
        "The supplier’s own reference for the record. National numbers in it are shown by their last characters only.",
    ),
    ("Shape", "What a faulty value looked like: A for a letter, 9 for a digit. The value itself is never shown."),
    ("Closed", "A fault that was open and is so no more: the record came without it, or is not delivered any more."),
    ("Rule", "A promise about records, with a code. A record that breaks it is rejected or queried."),
    ("Field", "The column, element or key of the supplier’s file that a rule is about."),
    ("Days open", "How many days the same fault has stood on the same record, tonight included."),
    ("Match step", "The way in which two records were recognised as the same child."),
    ("Match weight", "How strongly two records speak for the same child. Each point doubles the odds."),
    ("Review list", "Pairs of records that may be the same child, but are not joined until a person decides."),
    ("Kept apart", "Two records that look alike but must not be joined, as twins for example."),
    ("Record reference", "An opaque reference that stands for a record. It tells nothing about the child."),
    ("Identity", "One child in the index, with an opaque index id."),
    ("Merged, split", "Two identities turned out to be one child; or one identity turned out to be two."),
    ("Published, held", "The index was refreshed; or it stays as it was until a blocking check is settled."),
)


PROTECTION = (
    (
        "Wish",
        "What a record or a person asks for a child: not to be found. It stands from the moment it was told, whatever later files say, until two people lift it.",
    ),
    (
        "Shielded",
        "A record of the child asks for it, or asked once, or somebody decided it. Where the child lives, and who works with it, is shown to nobody.",
    ),
    (
        "Withheld",
        "The child may be the same as a shielded one, so as little of it is shown, until a reviewer says that they are two.",
    ),
    ("Hidden, protected", "Shielded or withheld. Readers are not told which of the two."),
    (
        "Latched",
        "The child stays hidden though its mark is gone, its record was withdrawn or it came under another number: the index remembers what it was known by.",
    ),
    ("Hidden place", "An address of a hidden child. It is shown of nobody, so that no brother or sister leads there."),
    (
        "Flood",
        "A delivery in which more records ask to be protected than was agreed. It is held, and none of its wishes counts until somebody settles it.",
    ),
    (
        "Firewall, wall",
        "A wall between two identities of one person, after an adoption for example: they are never linked, and nothing of one is shown with the other.",
    ),
    (
        "Possible pair",
        "Two records that may be of one child. It stands on the review list, or is kept apart for a reason.",
    ),
    ("Task", "A wish about which something is odd, so that somebody must look at it. Its kinds stand below."),
    ("Wishes that stand", "All that was asked for so far and that nobody has lifted."),
    ("New in this night", "Wishes that were first told for this night."),
    (
        "Lifted by people so far",
        "Wishes that two people have lifted, in this night and all before: one proposed it, another confirmed.",
    ),
    (
        "Proposal",
        "One person’s word that a child be shown again, or a firewall be taken away. Nothing changes before another confirms it.",
    ),
)
DECISIONS = {
    "same": "Two records are one child.",
    "not_the_same": "Two records are two children. It opens nobody: two people open a child that is hidden.",
    "shield": "A child must be hidden.",
    "unshield": "A proposal that a hidden child be shown again.",
    "confirm": "Another person confirms a proposal.",
    "firewall": "A wall between two identities.",
    "unwall": "A proposal that a wall between two identities be taken away.",
    "override": "One gate lets one night pass, for a reason.",
    "hold": "A published version is kept, however old it gets.",
}
CHANGES = {
    "added": "An index id that was not there before.",
    "ended": "No record holds the index id any more.",
    "merged": "Two identities proved to be one child.",
    "split": "One identity proved to be two children.",
    "restored": "Separated again after a merge, with the id from before.",
    "shielded": "Newly shielded or withheld: not shown in full any more.",
    "unshielded": "Shown in full again.",
    "changed": "Something that is shown of the child is different.",
    "moved": "An address of the child is different: a part of those that changed.",
    "unchanged": "Nothing that is shown of the child is different.",
}
PAIRS = {
    "review": Word("To review", "info", "The two records may be one child and are not joined until a person decides."),
    "refused": Word("Kept apart", "quiet", "The two records look alike and must not be joined, as twins for example."),
}
AGES = {
    "tonight": Word("Tonight’s", "quiet", "The feed’s records are of this night."),
    "stale": Word(
        "Stale",
        "warn",
        "The feed did not come, or is not in force, so records of an earlier night are used. Its age says how many days earlier.",
    ),
    "none": Word("No records yet", "quiet", "The feed has never delivered anything that could be used."),
}
TONES: dict[Tone, str] = {
    "good": "As it should be.",
    "info": "For your information; nothing has to be done.",
    "quiet": "Settled, or of no consequence.",
    "warn": "Somebody should look at it.",
    "bad": "Something is missing or was not done. Somebody must see to it.",
}
COLOURS: dict[Tone, str] = {"good": "Green", "info": "Blue", "quiet": "Grey", "warn": "Yellow", "bad": "Red"}


def day(value: date) -> str:
    """``Friday 20 November 2026``."""
    return f"{value:%A} {value.day} {value:%B %Y}"


def short_day(value: date) -> str:
    """``20 Nov 2026``."""
    return f"{value.day} {value:%b %Y}"


def plural(number: int, one: str, many: str = "") -> str:
    """``1 record``, ``1,204 records``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def age_band(days: int) -> str:
    """The words an age in days is filtered by; 1 is tonight."""
    return (
        "New tonight" if days <= 1 else "2 to 7 days" if days <= 7 else "8 to 28 days" if days <= 28 else "Over 28 days"
    )
