"""Children whom two authorities know: who moved, who goes to school across the border, who is placed with carers elsewhere.

Belongs here: who of an authority becomes known in the next one, how and on which night. A child who is shielded at home asks for nothing there:
that the two are one child is what has to be found out. Not here: what the agencies write down of them (world.py).

Ways: *moved*: health and, at school age, education there from that night on, health and school of the authority before lose the child the same
night; *school*: education there, from the first night on; *placed*: health and education there from the first night on, while social care of the authority before
goes on.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sample_feeds.places import Addresses
from sample_feeds.population import Children, Ints
from sample_feeds.randomness import Objects, as_objects, stream

__all__ = ["Guests", "guests_of"]

_WAYS = as_objects(["moved", "school", "placed"])
_SHARES = np.cumsum([0.5, 0.35, 0.15])


@dataclass(frozen=True)
class Guests:
    """Children of one authority who are, or come to be, known in another.

    Attributes:
        authority: whose children they are.
        place: their places among its children.
        children: they.
        home: the lines of their addresses there (`Addresses.lines`).
        way: moved, school or placed.
        night: from which on they are known there; 0 is the first.
    """

    authority: str
    place: Ints
    children: Children
    home: dict[str, Objects]
    way: Objects
    night: NDArray[np.int64]

    def leaving(self, night: int) -> Ints:
        """The places of those who move away on a night."""
        return self.place[(self.way == "moved") & (self.night == night)]


def guests_of(
    authority: str,
    children: Children,
    addresses: Addresses,
    day: np.datetime64,
    seed: int,
    *,
    share: float,
    nights: int,
    but: Collection[int] = (),
) -> Guests:
    """Some of the children of an authority as they are on its first night: a `share` of those of school age, one who is shielded among them.

    Nobody at the places `but`, who are guests themselves. Adopted children and those with two homes stay where they are known; of twins one may be known elsewhere alone. Moves happen on any night but the first; with one night alone nobody moves.
    """
    rng = stream(seed, "guests", authority)
    age = (day - children.birth).astype(np.int64) / 365.2425
    able = (
        ~np.isin(np.arange(len(children)), list(but))
        & children.born
        & (age > 5)
        & (age < 16)
        & (children.adopted_pair < 0)
        & (children.second_address < 0)
    )
    count = max(3, round(share * int(able.sum())))
    drawn = rng.permutation(np.flatnonzero(able))[:count]
    shielded = np.flatnonzero(able & children.shielded)[:1]
    place = np.sort(np.union1d(drawn, shielded))
    way = _WAYS[np.searchsorted(_SHARES[:-1], rng.random(len(place)))]
    way[np.isin(place, shielded)] = "school"
    if nights < 2:
        way[way == "moved"] = "school"
    night = np.where(way == "moved", 1 + rng.integers(0, max(1, nights - 1), len(place)), 0)
    those = children.take(place)
    return Guests(authority, place, those, addresses.lines(those.address), way, night)
