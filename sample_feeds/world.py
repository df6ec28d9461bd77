"""One authority as it goes from night to night: the true children and the four agencies' holdings of them.

Belongs here: the first night, and what happens between two: moves, corrections, births, expected children born, new
contacts and referrals, superseded numbers, children who leave. Not here: faults (faults/) and files (nights.py).
"""

from __future__ import annotations

import datetime as dt

import numpy as np

from sample_feeds.agencies import education, health, police, social_care
from sample_feeds.agencies.holdings import Holding, constant
from sample_feeds.customs import CUSTOMS, further_parts
from sample_feeds.guests import Guests, guests_of
from sample_feeds.identifiers import nhs_numbers, upns
from sample_feeds.names import names
from sample_feeds.places import Addresses, places
from sample_feeds.population import Children, Ints, make_children
from sample_feeds.randomness import as_objects, stream
from sample_feeds.spelling import written_names

__all__ = ["AGENCIES", "COLUMNS", "KEYS", "World"]

AGENCIES = ("health", "education", "police", "social_care")
COLUMNS = {"health": health.COLUMNS, "education": education.COLUMNS, "police": police.COLUMNS,
           "social_care": social_care.COLUMNS}  # fmt: skip
KEYS = {"health": health.KEY, "education": education.KEY, "police": police.KEY, "social_care": social_care.KEY}


class World:
    """The children of one authority and what each agency has on file about them on `day`.

    Args:
        authority: DfE code.
        children: how many under 18.
        seed: the same seed gives the same world; two authorities of one seed share no child and no identifier.
        first_night: the business date of night 0.
        guests: children of another authority whom its agencies come to know.

    Attributes:
        children: the truth (population.Children), `holdings`: agency → Holding, `day`, `night` (0, 1, …), `departing`: those who are known
            in another authority, or come to be; `person`: of each guest, by place, the name of the same child where it is from.
    """

    def __init__(
        self, authority: str, children: int, seed: int, first_night: dt.date, guests: Guests | None = None
    ) -> None:
        self.authority, self.seed, self.night = authority, seed, 0
        self.day = np.datetime64(first_night, "D")
        self.here = places(authority, children)
        self.addresses = Addresses(self.here)
        self.children: Children = make_children(self.here, self.addresses, children, seed, first_night)
        rng = {agency: stream(seed, authority, agency, "first") for agency in AGENCIES}
        known = (self.children, self.addresses, self.day)
        self.holdings: dict[str, Holding] = {
            "health": health.make_holding(rng["health"], *known),
            "education": education.make_holding(rng["education"], self.here, *known),
            "police": police.make_holding(rng["police"], *known),
            "social_care": social_care.make_holding(rng["social_care"], *known),
        }
        self._issued = {agency: len(holding) for agency, holding in self.holdings.items()}
        self._superseded = 0
        self.person: dict[int, str] = {}
        self.departing: Guests | None = None
        self._guests = guests
        self._receive()

    def advance(self, rate: float = 0.001) -> None:
        """Let one night pass; about `rate` of all records change (at least one of each kind of event happens)."""
        self.night += 1
        self.day = self.day + 1
        for holding in self.holdings.values():
            holding.withdrawn, holding.withdrawn_child = {}, np.empty(0, np.int64)
        patients = len(self.holdings["health"])
        self._moves(max(1, round(patients * rate * 0.2)))
        self._corrections(max(1, round(patients * rate * 0.25)))
        self._births(max(1, round(patients * rate * 0.12)))
        self._supersede(max(1, round(patients * rate * 0.02)))
        self._contacts(max(1, round(len(self.holdings["police"]) * max(rate * 2, 0.002))))
        self._referrals(max(1, round(len(self.holdings["social_care"]) * rate)))
        self._leave(max(1, round(patients * rate * 0.06)))
        self._receive()

    def depart(self, share: float, nights: int) -> Guests:
        """A share of its own children who are known in another authority, too, or move there within so many nights (`guests_of`)."""
        self.departing = guests_of(
            self.authority,
            self.children,
            self.addresses,
            self.day,
            self.seed,
            share=share,
            nights=nights,
            but=self.person,
        )
        return self.departing

    def _receive(self) -> None:
        """The guests of the night: who is new to health, and every one of school age to a school."""
        come = np.flatnonzero(self._guests.night == self.night) if self._guests else np.empty(0, np.int64)
        if self._guests is None or not len(come):
            return
        rng, those = self._rng("guests"), self._guests.children.take(come)
        n, first = len(come), len(self.children)
        primary, secondary = self.here.primary.draw(rng, n), self.here.secondary.draw(rng, n)
        those.school = np.where((self.day - those.birth).astype(np.int64) / 365.2425 >= 11.2, secondary, primary)
        those.practice = self.here.practices.draw(rng, n)
        at_home = self._guests.way[come] == "school"
        those.address = self.addresses.add(rng, n)
        lines = {name: values[come[at_home]] for name, values in self._guests.home.items()}
        those.address[at_home] = self.addresses.add_elsewhere(lines)
        those.former_address, those.second_address = np.full(n, -1), np.full(n, -1)
        those.household = int(self.children.household.max()) + 1 + np.arange(n)
        those.shielded, those.twin_set = np.zeros(n, bool), np.full(n, -1)
        self.children.extend(those)
        who = np.arange(first, first + n)
        names = (f"{self._guests.authority}-{place:07d}" for place in self._guests.place[come].tolist())
        self.person |= dict(zip(who.tolist(), names, strict=True))
        self.register_patients(who[~at_home])
        rows = education.make_rows(rng, self.children, self.addresses, who, self.day)
        self.holdings["education"].add(rows, who, self.night)

    def _rng(self, purpose: str) -> np.random.Generator:
        return stream(self.seed, self.authority, purpose, self.night)

    def _moves(self, count: int) -> None:
        """`count` households move; health hears of most of it, the others of some."""
        rng, children = self._rng("moves"), self.children
        movers = np.isin(children.household, rng.choice(np.unique(children.household), count))
        homes, place = np.unique(children.household[movers], return_inverse=True)
        children.former_address[movers] = children.address[movers]
        children.address[movers] = self.addresses.add(rng, len(homes))[place]
        children.moved_on[movers] = self.day
        for agency, hears in (("health", 0.95), ("education", 0.7), ("social_care", 0.9)):
            holding = self.holdings[agency]
            rows = holding.rows_of(np.flatnonzero(movers))
            rows = rows[rng.random(len(rows)) < hears]
            at = children.address[holding.child[rows]]
            if agency == "health":
                values = health.address_columns(self.addresses, at)
                values["address_from"] = constant(str(self.day), len(rows))
                values["gp_practice_code"] = self.here.practices.draw(rng, len(rows))
                values["gp_from"] = values["address_from"]
            elif agency == "education":
                values = education.address_columns(self.addresses, at)
            else:
                values = {
                    "address": social_care.addresses_of(rng, self.addresses, at, np.ones(len(at), bool), self.day)
                }
            holding.put(rows, values, self.night)

    def _corrections(self, count: int) -> None:
        """Health and education put names right, or learn of a new family name; carers change."""
        rng, children = self._rng("corrections"), self.children
        for agency, family, given in (("health", "family_name", "given_name"), ("education", "Surname", "Forename")):
            holding = self.holdings[agency]
            given_true, _, family_true = written_names(rng, children.take(holding.child), 1.0)
            true = family_true, given_true
            wrong = np.flatnonzero((holding.columns[family] != true[0]) | (holding.columns[given] != true[1]))
            rows = np.sort(rng.permutation(wrong)[: max(1, count // 2)])
            holding.put(rows, {family: true[0][rows], given: true[1][rows]}, self.night)
        holding = self.holdings["health"]
        rows = np.sort(rng.permutation(len(holding))[: max(1, count // 2)])
        those = children.take(holding.child[rows])
        carer = names().given["british", "F"].draw(rng, len(rows)) + " " + those.family
        holding.put(rows, {"carer_name": carer, "carer_relationship": constant("Mother", len(rows))}, self.night)

    def _births(self, count: int) -> None:
        """Children are born into households; some were expected by social care."""
        rng, children = self._rng("births"), self.children
        expected = np.flatnonzero(~children.born)
        arrived = np.sort(rng.permutation(expected)[: max(1, count // 4)])
        children.born[arrived] = True
        children.birth[arrived] = self.day
        care = self.holdings["social_care"]
        rows = care.rows_of(arrived)
        care.put(rows, social_care.make_rows(rng, children, self.addresses, care.child[rows], self.day, 0)
                 | {"la_child_id": care.columns["la_child_id"][rows]}, self.night)  # fmt: skip
        parents = np.sort(rng.permutation(np.flatnonzero(children.born & ~children.closed_identity))[:count])
        born = children.take(parents)
        n, first = len(parents), len(children)
        born.birth = self.day - rng.integers(0, 4, n)
        born.sex = np.where(rng.random(n) < 0.5, "M", "F").astype(object)
        for place in range(n):
            born.given[place] = names().given[list(CUSTOMS)[born.custom[place]], born.sex[place]].draw(rng, 1)[0]
        marks, _, _ = further_parts(rng, born.custom, born.sex, np.arange(n, dtype=np.int64))
        of_family = born.custom == list(CUSTOMS).index("iberian")
        born.mark = np.where(of_family, born.mark, marks)
        born.nhs_number = nhs_numbers(self.here.ordinal * 1_750_000 + int(first * 1.4) + 64, n, self.seed)
        born.upn = upns(np.full(n, int(self.authority)), np.full(n, int(str(self.day)[:4]) + 4), first + np.arange(n))
        for column in ("middle", "other_family", "former_nhs_number", "former_upn", "school"):
            setattr(born, column, np.full(n, None, object))
        born.twin_set, born.adopted_pair = np.full(n, -1), np.full(n, -1)
        born.shielded, born.former_address = np.zeros(n, bool), np.full(n, -1)
        children.extend(born)
        self.register_patients(np.concatenate([arrived, np.arange(first, first + n)]))

    def register_patients(self, who: Ints) -> None:
        """Health comes to know the children at `who` tonight."""
        rows = health.make_rows(
            self._rng("patients"), self.children, self.addresses, who, self.day, self._issued["health"]
        )
        self.holdings["health"].add(rows, who, self.night)
        self._issued["health"] += len(who)

    def _supersede(self, count: int) -> None:
        """Some NHS numbers are replaced; health knows old and new, social care goes on with the old."""
        rng, children, holding = self._rng("supersede"), self.children, self.holdings["health"]
        able = (holding.columns["nhs_number"] != None) & (holding.columns["previous_nhs_number"] == None)  # noqa: E711
        _, times = np.unique(holding.child, return_counts=True)
        alone = np.isin(holding.child, np.unique(holding.child)[times == 1])
        rows = np.sort(rng.permutation(np.flatnonzero(able & alone))[:count])
        who = holding.child[rows]
        start = self.here.ordinal * 1_750_000 + 1_600_000 + self._superseded
        fresh = nhs_numbers(start, len(rows), self.seed)
        self._superseded += int(len(rows) * 1.3) + 64
        children.former_nhs_number[who], children.nhs_number[who] = children.nhs_number[who], fresh
        holding.put(rows, {"previous_nhs_number": holding.columns["nhs_number"][rows], "nhs_number": fresh}, self.night)

    def _contacts(self, count: int) -> None:
        """New police contacts, most with children known to them; the oldest rows roll out of the window."""
        rng, holding = self._rng("contacts"), self.holdings["police"]
        age = (self.day - self.children.birth).astype(np.int64) / 365.2425
        able = np.flatnonzero(self.children.born & (age > 4) & (age < 18))
        again = holding.child[rng.integers(0, len(holding), count)] if len(holding) else able[:0]
        who = (
            np.where(rng.random(count) < 0.4, again, rng.choice(able, count)) if len(again) else rng.choice(able, count)
        )
        holding.remove(np.arange(min(count, max(0, len(holding) - 5))))
        rows = police.make_rows(rng, self.children, self.addresses, who, self.day, self._issued["police"], 3)
        holding.add(rows, who, self.night)
        self._issued["police"] += count

    def _referrals(self, count: int) -> None:
        """New referrals to social care, and involvements that end."""
        rng, holding = self._rng("referrals"), self.holdings["social_care"]
        able = np.flatnonzero(self.children.born & ~np.isin(np.arange(len(self.children)), holding.child))
        who = np.sort(rng.choice(able, min(count, len(able)), replace=False))
        rows = np.sort(rng.permutation(len(holding))[:count])
        ended = [[entry | {"end": entry.get("end", str(self.day))} for entry in holding.columns["involvements"][row]]
                 for row in rows]  # fmt: skip
        column = as_objects([""] * len(rows))
        for place, value in enumerate(ended):
            column[place] = value
        holding.put(rows, {"involvements": column}, self.night)
        made = social_care.make_rows(rng, self.children, self.addresses, who, self.day, self._issued["social_care"])
        holding.add(made, who, self.night)
        self._issued["social_care"] += len(who)

    def _leave(self, count: int) -> None:
        """Children leave the authority: health takes them out, schools write a leaving date."""
        rng, holding = self._rng("leave"), self.holdings["health"]
        age = (self.day - self.children.birth[holding.child]).astype(np.int64)
        of_age = age >= 18 * 365.2425
        drawn = np.concatenate([np.flatnonzero(of_age), rng.permutation(np.flatnonzero(~of_age))[:count]])
        moved = self.departing.leaving(self.night) if self.departing else np.empty(0, np.int64)
        rows = np.union1d(drawn, holding.rows_of(moved))
        who = holding.child[rows]
        holding.remove(rows)
        schools = self.holdings["education"]
        left = schools.rows_of(np.union1d(who, moved))
        left = left[schools.columns["LeavingDate"][left] == None]  # noqa: E711 - an array of objects
        schools.put(left, {"LeavingDate": constant(str(self.day), len(left))}, self.night)
        care = self.holdings["social_care"]
        closed = care.rows_of(who)
        care.put(closed, {"withdrawn": constant(True, len(closed))}, self.night)
