"""Which records are the same child: person records, candidate pairs, match weights, guards, clusters.

The way in is `match`; a model comes from `load_model`; `explain` says in words what one pair is worth. Person records
are made by `pipelines.matching.person_records`, models by `pipelines.matching.train`.
"""

from pipelines.matching.explain import Explanation, explain
from pipelines.matching.matcher import Matched, match
from pipelines.matching.model import DEFAULT_MODEL, Model, load_model
from pipelines.matching.state import MatchState

__all__ = ["DEFAULT_MODEL", "Explanation", "MatchState", "Matched", "Model", "explain", "load_model", "match"]
