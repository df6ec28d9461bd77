"""Which records are the same child, in rooms in the order of the work.

    reading → comparing → pairing → weighing → deciding;   training beside them

On the landing: `night` (person records in, identities out), `people` (any table of people), `explain` (what one pair is
worth, in words), `state` (what a night hands to the next), `arrays` and `memory`. The way in is `match`; a model comes
from `load_model`. Person records are made by `pipelines.records.person_records`, models by `training`.
"""

from pipelines.matching.explain import Explanation, explain
from pipelines.matching.night import Matched, match
from pipelines.matching.state import MatchState
from pipelines.matching.weighing.match_model import DEFAULT_MODEL, Model, load_model

__all__ = ["DEFAULT_MODEL", "Explanation", "MatchState", "Matched", "Model", "explain", "load_model", "match"]
