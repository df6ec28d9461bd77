"""Splink built as well as we can: cleaned columns, fine levels, wide candidates, labelled training, one-to-one identities.

Belongs here: which of the best recipes fits. They use all that Splink offers and nothing of our matcher; what Splink has
no means for (evidence against a whole identity, say) is not imitated.
"""

from __future__ import annotations

from bench.matching.splink_children import children
from bench.matching.splink_febrl import febrl
from bench.matching.splink_historical import historical
from bench.matching.splink_recipe import Recipe

__all__ = ["best"]


def best(recipe: str, sources: dict[str, str], identifier: bool) -> Recipe:
    """The best recipe for `children`, `historical` or `febrl` data; parameters as those of `demo`."""
    if recipe == "children":
        return children(tuple(source for source, rule in sources.items() if rule != "many"))
    if recipe == "historical":
        return historical()
    return febrl(both=len(sources) == 2, identifier=identifier)
