"""Names to draw from: given and family names of England's children, by community, with realistic skew.

Belongs here: which names there are and how frequent each is. Not here: how a name is misspelled (spelling.py) or who
bears it (population.py). Family names come from the package fusuk, which lists them by falling frequency (the share of
a rank follows the UK electoral holding: the first has 1.2 %, the hundredth 0.1 %); given names from fusuk, with the
head of the list set by the few dozen best known; other communities from the locales of Faker; nicknames from nicknames.
"""

from __future__ import annotations

import csv
import importlib
import importlib.util
import json
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from sample_feeds.randomness import Objects, Pool, as_objects, stream, zipf_pool

__all__ = ["COMMUNITIES", "Names", "fold", "names", "nicknames", "package_folder"]

# Share of households by community: a judgement, below the school census, as many families' names are not tagged.
COMMUNITIES: dict[str, float] = {
    "british": 0.80,
    "south_asian": 0.095,
    "african": 0.035,
    "eastern_european": 0.03,
    "middle_eastern": 0.015,
    "southern_european": 0.015,
    "chinese": 0.01,
}

_FIRST_BOYS = (
    "Oliver Noah George Arthur Leo Harry Muhammad Jack Oscar Freddie Theo Archie Charlie Henry Thomas Alfie Jacob "
    "Joshua "
    "William James Finley Isaac Lucas Alexander Max Edward Logan Daniel Teddy Ethan Sebastian Samuel Joseph Benjamin "
    "Adam "
    "Mason Tommy Harrison Dylan Louie Reuben Elijah Riley Toby Jude Luca Rory Caleb Jayden Kai Aiden Nathan Ryan "
    "Connor "
    "Callum Tyler Luke Matthew Liam Owen Jamie Cameron Lewis Kian Zachary Hugo Albie Ronnie Frankie Felix Bobby Stanley"
)
_FIRST_GIRLS = (
    "Olivia Amelia Isla Ava Ivy Lily Freya Mia Florence Emily Willow Isabella Sophia Grace Ella Poppy Evie Charlotte "
    "Sophie Elsie Daisy Rosie Sienna Evelyn Phoebe Millie Harper Alice Matilda Jessica Ruby Chloe Erin Eva Maisie "
    "Ellie "
    "Layla Molly Lucy Holly Imogen Hannah Bella Amber Lola Megan Emma Abigail Leah Elizabeth Scarlett Aria Nancy Zara "
    "Martha Lottie Robyn Eliza Georgia Summer Niamh Hollie Libby Katie Anna Maya Eleanor Zoe Caitlin Lexi Beatrice Thea"
)
_MUSLIM_BOYS = (
    "Muhammad Mohammed Mohammad Ibrahim Yusuf Ali Omar Ahmed Musa Abdullah Hassan Hamza Zayn Yahya Ismail Bilal Umar "
    "Zain "
    "Eesa Haris Mustafa Idris Ayaan Rayyan Zakariya Adam Hussain Usman Suleman Imran Khalid Abdul Rahman"
)
_MUSLIM_GIRLS = (
    "Aisha Fatima Maryam Zainab Khadija Aaliyah Hafsa Amina Safa Ayesha Sumaiya Zahra Inaya Hana Noor Sara Layla Amira "
    "Iqra Eshal Anaya Halima Ruqayyah Yasmin Mariam Asma Sana Nadia Leila Hiba"
)
_POLISH_FAMILIES = (
    "Nowak Kowalski Wiśniewski Wójcik Kowalczyk Kamiński Lewandowski Zieliński Szymański Woźniak Dąbrowski Kozłowski "
    "Jankowski Mazur Wojciechowski Kwiatkowski Krawczyk Kaczmarek Piotrowski Grabowski Zając Pawłowski Michalski Król "
    "Wieczorek Jabłoński Wróbel Nowakowski Majewski Olszewski Stępień Malinowski Jaworski Adamczyk Dudek Pawlak Górski "
    "Walczak Sikora Baran Rutkowski Michalak Szewczyk Ostrowski Tomaszewski Pietrzak Zalewski Wróblewski"
)
_MIDDLE_EASTERN_FAMILIES = (
    "Ahmed Ali Hassan Mohamed Hussein Ibrahim Mahmoud Omar Abdi Yusuf Abdullah Karimi Ahmadi Rahimi Hosseini Mohammadi "
    "Saleh Nasser Haddad Khalil Mansour Osman Abdullahi Warsame Farah Jama Noori Stanekzai Al-Masri El-Sayed"
)
_CHINESE_FAMILIES = (
    "Chen Wong Li Wang Lee Zhang Liu Chan Lin Yang Huang Lam Cheung Wu Ho Ng Leung Zhao Xu Cheng Tang Lau"
)


@dataclass(frozen=True)
class Names:
    """Pools of names: `given[(community, sex)]`, `family[community]`."""

    given: dict[tuple[str, str], Pool]
    family: dict[str, Pool]


@lru_cache(maxsize=1)
def names() -> Names:
    """All name pools, built once; the same in every process."""
    boys, girls = _fusuk_given("male"), _fusuk_given("female")
    british = {"M": _headed(_FIRST_BOYS, boys), "F": _headed(_FIRST_GIRLS, girls)}
    first: dict[tuple[str, str], Pool] = {}
    for sex, kind, muslim in (("M", "male", _MUSLIM_BOYS), ("F", "female", _MUSLIM_GIRLS)):
        first["british", sex] = zipf_pool(british[sex], 35, 1.5)
        first["south_asian", sex] = zipf_pool(_headed(muslim, _faker("person.en_IN", f"first_names_{kind}")), 8)
        first["african", sex] = zipf_pool(
            _mixed(_faker("person.tw_GH", f"first_names_{kind}"), _faker("person.yo_NG", f"first_names_{kind}"),
                   british[sex][:60], muslim.split()[:12]), 25)  # fmt: skip
        first["eastern_european", sex] = zipf_pool(
            _mixed(_faker("person.pl_PL", f"first_names_{kind}"), _faker("person.ro_RO", f"first_names_{kind}")[:60]),
            12,
        )
        first["middle_eastern", sex] = zipf_pool(
            _headed(muslim, _faker("person.tr_TR", f"first_names_{kind}")[:120]), 8
        )
        first["southern_european", sex] = zipf_pool(
            _mixed(_faker("person.pt_PT", f"first_names_{kind}"), _faker("person.it_IT", f"first_names_{kind}")[:100]),
            12,
        )
        first["chinese", sex] = zipf_pool(
            _mixed(british[sex][:80], _faker("person.zh_CN", "first_romanized_names")[:80]), 20
        )
    family = {
        "british": zipf_pool(_fusuk_family(50_000), 8),
        "south_asian": zipf_pool(
            _headed("Khan Patel Hussain Ahmed Singh Begum Ali Kaur Shah Rahman Akhtar Iqbal Malik Mahmood Miah Islam",
                    _mixed(_faker("person.en_IN", "last_names"), _faker("person.en_PK", "last_names"))), 12),
        "african": zipf_pool(_mixed(_faker("person.tw_GH", "last_names"), _faker("person.yo_NG", "last_names")), 20),
        "eastern_european": zipf_pool(_mixed(_POLISH_FAMILIES.split(), _faker("person.ro_RO", "last_names")), 12),
        "middle_eastern": zipf_pool(_headed(_MIDDLE_EASTERN_FAMILIES, _faker("person.tr_TR", "last_names")), 10),
        "southern_european": zipf_pool(
            _mixed(_faker("person.pt_PT", "last_names"), _faker("person.it_IT", "last_names")[:300]), 15),
        "chinese": zipf_pool(_headed(_CHINESE_FAMILIES, _faker("person.zh_CN", "last_romanized_names")[:80]), 4),
    }  # fmt: skip
    return Names(first, family)


@lru_cache(maxsize=1)
def nicknames() -> dict[str, Objects]:
    """Given name → its nicknames, both capitalised."""
    found: dict[str, list[str]] = {}
    with (package_folder("nicknames") / "names.csv").open(encoding="utf-8", newline="") as stream_:
        for row in csv.DictReader(stream_):
            if row["relationship"] == "has_nickname":
                found.setdefault(row["name1"].capitalize(), []).append(row["name2"].capitalize())
    return {name: as_objects(sorted(set(others))) for name, others in found.items()}


def fold(text: str) -> str:
    """`text` without diacritics, in letters of plain English."""
    plain = text.translate(str.maketrans({"ł": "l", "Ł": "L", "ø": "o", "đ": "d", "ı": "i", "ß": "ss"}))
    return "".join(c for c in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(c))


def package_folder(package: str) -> Path:
    """Where an installed package lies; found without importing it (fusuk's import reads 45 MB nobody needs here)."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(
            f"the package {package} is needed to make sample feeds; set up again with `make setup`"
        )
    return Path(next(iter(spec.submodule_search_locations)))


def _fusuk_given(gender: str) -> list[str]:
    """Fusuk's given names of one gender and of both, in a fixed shuffled order (fusuk has them by the alphabet)."""
    listed = json.loads((package_folder("fusuk") / "data/uk_first_names.json").read_text(encoding="utf-8"))
    chosen = sorted({entry["name"].strip() for entry in listed if entry["gender"] in (gender, "unisex")})
    stream(0, "given names", gender).shuffle(chosen)
    return [name for name in chosen if len(name) > 1]


def _fusuk_family(count: int) -> list[str]:
    """Fusuk's first `count` family names without a hyphen, most frequent first, capitals as people write them."""
    with (package_folder("fusuk") / "data/uk_last_names.txt").open(encoding="utf-8") as lines:
        found: dict[str, None] = {}
        for line in lines:
            name = line.strip()
            if len(name) > 1 and "-" not in name and name.replace("'", "").isalpha():
                found[_capitals(name)] = None
                if len(found) == count:
                    break
    return list(found)


def _capitals(name: str) -> str:
    if name.startswith("Mc") and len(name) > 4:
        return "Mc" + name[2:].capitalize()
    return name[:2] + name[2:].capitalize() if name.startswith("O'") else name


def _faker(provider: str, attribute: str) -> list[str]:
    """One list of a Faker locale, without duplicates, in its own order."""
    values = getattr(importlib.import_module(f"faker.providers.{provider}").Provider, attribute)
    return list(dict.fromkeys(value for value in values if " " not in value and len(value) > 1))


def _headed(head: str, tail: list[str]) -> list[str]:
    return list(dict.fromkeys([*head.split(), *tail]))


def _mixed(*lists: list[str]) -> list[str]:
    """The lists' values, one of each in turn."""
    order = np.argsort(np.concatenate([np.arange(len(values)) / len(values) for values in lists]), kind="stable")
    joined = [value for values in lists for value in values]
    return list(dict.fromkeys(joined[place] for place in order))
