"""Names to draw from: given and family names of England's children, by custom, with realistic skew.

Belongs here: which names there are and how frequent each is. Not here: how many children follow a custom and in which
ways their names are written (customs.py), how a name is misspelled (spelling.py), who bears it (population.py). British
family names come from the package fusuk, which lists them by falling frequency (the share of a rank follows the UK
electoral holding: the first has 1.2 %, the hundredth 0.1 %); given names from fusuk, with the head of the list set by
the few dozen best known; other customs from lists of their most frequent names and the locales of Faker; nicknames from
nicknames. The lists are short where a custom has few names: that many are called the same is what is hard about them.
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

__all__ = ["Names", "fold", "names", "nicknames", "package_folder"]

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
_SIKH_BOYS = (
    "Arjan Gurpreet Jaspreet Harpreet Manpreet Jasdeep Gurdeep Hardeep Jagdeep Mandeep Amandeep Kuldeep Sukhdeep Navdeep "
    "Rajan Karan Ranveer Jasvir Balvir Amrit Harman Jasman Gurman Angad Fateh Zorawar Sahib Ajit Ranjit Daljit Manjit "
    "Surjit Baljit Charanjit Simran Prabhjot Harjot Gurjot Navjot Jagjit Tejinder Harvinder Satinder Ravinder Jaskaran"
)
_SIKH_GIRLS = (
    "Simran Jaspreet Harpreet Manpreet Gurpreet Amandeep Mandeep Kirandeep Rajdeep Navdeep Sukhdeep Jasleen Harleen "
    "Gurleen Avneet Navneet Jasmeet Manmeet Prabhjot Harjot Navjot Amrit Asees Anaya Mehar Seerat Kiran Jasmin Balvir "
    "Ravinder Parminder Sukhvinder Tejinder Baljit Daljit Manjit Rupinder Sharan Simrat Jasroop Harsimran Gursimran"
)
_SIKH_FAMILIES = (
    "Sandhu Gill Dhillon Sidhu Grewal Dhaliwal Bains Johal Sahota Bhogal Sangha Atwal Kang Mann Virk Randhawa Hundal "
    "Purewal Uppal Sohal Rai Dosanjh Chahal Basra Cheema Deol Nijjar Rehal Matharu Panesar Sehmi Bansal Heer Bassi Ghuman"
)
_HINDU_FAMILIES = (
    "Patel Shah Sharma Kumar Mistry Desai Mehta Joshi Chauhan Parmar Solanki Gupta Verma Singh Pandya Trivedi Bhatt Rana "
    "Reddy Rao Modi Amin Lad Tailor Naik Gohil Makwana Vaghela Jain Agarwal Thakur Thapa Gurung Rai Shrestha Limbu"
)
_MUSLIM_FAMILIES = (
    "Khan Hussain Ahmed Ali Begum Mahmood Iqbal Akhtar Malik Shah Hussain Mohammed Miah Uddin Rahman Islam Choudhury Bibi "
    "Mirza Butt Raja Sheikh Qureshi Siddiqui Ashraf Aslam Parveen Kauser Hossain Haque Alam Bhatti Chaudhry Khatun Azam "
    "Rashid Saleem Yousaf Javed Nawaz Arshad Zaman Hanif Rafiq Sultana Kazi Sarkar Talukder Mia Patel Munshi Hasan"
)
_HORN_BOYS = (
    "Mohamed Abdi Ahmed Ali Hassan Omar Ibrahim Yusuf Abdullahi Ismail Osman Mahad Abdirahman Abdikarim Zakaria Hamza "
    "Ayub Idris Mustafa Bilal Khalid Abdiaziz Liban Salman Yahya Adam Abdulkadir Said Farah Nur Jama Dawit Yonas Filmon"
)
_HORN_GIRLS = (
    "Fatima Amina Khadija Hodan Asha Halima Maryan Sumaya Hafsa Ifrah Ikram Zaynab Naima Safiya Sahra Ayan Fardowsa Hibo "
    "Samira Yasmin Najma Aisha Muna Ruqiya Idil Shukri Fadumo Habiba Rahma Deqa Hamdi Nasra Salma Selam Rahel Bethlehem"
)
_HORN_FAMILIES = (
    "Mohamed Ali Ahmed Hassan Abdi Omar Hussein Ibrahim Yusuf Osman Farah Warsame Jama Nur Aden Ismail Abdullahi Adan Said "
    "Mohamud Guled Hersi Duale Elmi Roble Shire Egal Samatar Tesfay Berhe Ghebremichael Haile Kidane Tekle Abraha Gebre"
)
_ARAB_BOYS = (
    "Mohammad Ahmed Ali Omar Yousef Adam Hassan Hussein Abdullah Ibrahim Khaled Mustafa Karim Zaid Hamza Mahmoud Tariq "
    "Sami Rami Bilal Anas Yassin Faisal Salem Nasser Jad Elias Rayan Taha Ammar Zain Ayman Bashar Muhannad Rawand Dlovan"
)
_ARAB_GIRLS = (
    "Fatima Maryam Aya Sara Noor Lana Jana Huda Zainab Layla Salma Dina Rana Hala Amal Rima Yasmin Hiba Nada Malak Rahaf "
    "Shahad Lina Mona Hanan Sidra Tala Ruba Joud Judy Rawan Zahra Batool Raghad Dunya Shilan"
)
_ARAB_FAMILIES = (
    "Al-Masri Al-Hassan Al-Ali Al-Jaf Al-Khatib Al-Najjar Al-Saadi Al-Rashid Al-Hamad Al-Ahmad El-Sayed El-Amin Haddad "
    "Khalil Mansour Saleh Nasser Hamdan Darwish Ibrahim Mahmoud Hussein Hassan Ahmed Ali Omar Karimi Ahmadi Rahimi Hosseini "
    "Mohammadi Noori Stanekzai Safi Amiri Benali Bouzid Mansouri Aziz Saeed Qasim Kareem Salih Barzani"
)
_TAMIL_BOYS = (
    "Arun Karthik Vignesh Pranav Sanjay Ashwin Kavin Nithin Harish Rohan Varun Dinesh Suresh Ramesh Rajesh Kumaran Tharun "
    "Sai Aravind Mithun Kishan Praveen Sathish Gowtham Lokesh Manoj Naveen Vishal Akshay Rithvik Srinivas Venkat Krishna"
)
_TAMIL_GIRLS = (
    "Priya Divya Lakshmi Kavya Ananya Nithya Swetha Shreya Meera Sahana Keerthi Harini Varsha Pooja Abinaya Thanusha "
    "Sathya Deepa Janani Aishwarya Bhavani Gayathri Yalini Sruthi Vaishnavi Madhu Sindhu Padma Radha Dharshini Mithra"
)
_TAMIL_FATHERS = (
    "Kumar Rajan Selvam Murugan Ganesan Subramaniam Krishnan Shanmugam Sivakumar Ravindran Balasubramaniam Nagarajan "
    "Thangarajah Sivanathan Yogarajah Chandran Mahendran Jeyakumar Ramanathan Velmurugan Reddy Rao Natarajan Suresh Ramesh"
)
_CHINESE_FAMILIES = (
    "Chen Wong Li Wang Lee Zhang Liu Chan Lin Yang Huang Lam Cheung Wu Ho Ng Leung Zhao Xu Cheng Tang Lau Nguyen Tran Le "
    "Pham Vu Kim Park Choi"
)
_SYLLABLES = (
    "Wei Xin Yi Jia Ming Hao Yu Zi Xuan Chen Yan Li Na Jun Kai Tian Rui Jing Hui Lok Hei Ching Wing Ka Man Tsz Hin Yat Sze "
    "Min Ji Seo Hyun Woo Bao Minh Anh Linh Thi Van Duc Quang"
)
_IBERIAN_FAMILIES = (
    "Silva Santos Ferreira Pereira Oliveira Costa Rodrigues Martins Sousa Fernandes Gomes Lopes Marques Almeida Alves "
    "Garcia Rodriguez Gonzalez Fernandez Lopez Martinez Sanchez Perez Gomez Ruiz Hernandez Torres Reyes Cruz Bautista Ramos "
    "Mendoza Castillo da-Silva dos-Santos da-Costa de-Souza de-Jesus del-Rosario de-la-Cruz"
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
    for sex, kind in (("M", "male"), ("F", "female")):

        def short(boys: str, girls: str, *more: list[str], flatness: float = 8, sex: str = sex) -> Pool:
            """A custom's best known names, then others."""
            return zipf_pool(_headed(boys if sex == "M" else girls, _mixed(*more) if more else []), flatness)

        indian, english = _faker("person.en_IN", f"first_names_{kind}"), british[sex]
        first["british", sex] = zipf_pool(english, 35, 1.5)
        first["south_asian_muslim", sex] = short(_MUSLIM_BOYS, _MUSLIM_GIRLS, _faker("person.en_PK", "first_names"))
        first["sikh", sex] = short(_SIKH_BOYS, _SIKH_GIRLS, indian)
        first["hindu", sex] = zipf_pool(indian, 25)
        first["tamil", sex] = short(_TAMIL_BOYS, _TAMIL_GIRLS, flatness=5)
        first["horn_of_africa", sex] = short(_HORN_BOYS, _HORN_GIRLS, flatness=4)
        first["arab", sex] = short(
            _ARAB_BOYS, _ARAB_GIRLS, _faker("person.tr_TR", f"first_names_{kind}")[:120], flatness=6
        )
        first["west_african", sex] = zipf_pool(
            _mixed(english[:80], _faker("person.tw_GH", f"first_names_{kind}")), 20)  # fmt: skip
        first["eastern_european", sex] = zipf_pool(
            _mixed(_faker("person.pl_PL", f"first_names_{kind}"), _faker("person.ro_RO", f"first_names_{kind}")[:60],
                   _faker("person.lv_LV", f"first_names_{kind}")[:30]), 12)  # fmt: skip
        first["iberian", sex] = zipf_pool(
            _mixed(_faker("person.pt_PT", f"first_names_{kind}"), _faker("person.es_ES", f"first_names_{kind}")[:80]),
            12,
        )
        first["chinese", sex] = zipf_pool(_two_syllables(), 60)
        first["own_west_african", sex] = zipf_pool(
            _mixed(_faker("person.yo_NG", f"first_names_{kind}"), _faker("person.ig_NG", f"first_names_{kind}"),
                   _faker("person.tw_GH", f"first_names_{kind}")), 25)  # fmt: skip
    family = {
        "british": zipf_pool(_fusuk_family(50_000), 8),
        "south_asian_muslim": zipf_pool(_headed(_MUSLIM_FAMILIES, _faker("person.en_PK", "last_names")[:150]), 6),
        "sikh": zipf_pool(_headed(_SIKH_FAMILIES, []), 5),
        "hindu": zipf_pool(_headed(_HINDU_FAMILIES, _faker("person.en_IN", "last_names")), 3),
        "tamil": zipf_pool(_headed(_TAMIL_FATHERS, []), 8),
        "horn_of_africa": zipf_pool(_headed(_HORN_FAMILIES, []), 4),
        "arab": zipf_pool(_headed(_ARAB_FAMILIES, _faker("person.tr_TR", "last_names")), 12),
        "west_african": zipf_pool(_mixed(_faker("person.tw_GH", "last_names"), _faker("person.yo_NG", "last_names")), 20),
        "eastern_european": zipf_pool(
            _mixed(_POLISH_FAMILIES.split(), _faker("person.ro_RO", "last_names"), _faker("person.lt_LT", "last_names")), 12),
        "iberian": zipf_pool(
            [name.replace("-", " ") for name in _headed(_IBERIAN_FAMILIES, _faker("person.pt_PT", "last_names"))], 10),
        "chinese": zipf_pool(_headed(_CHINESE_FAMILIES, _faker("person.zh_CN", "last_romanized_names")[:60]), 4),
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


def _two_syllables() -> list[str]:
    """Given names of two syllables, in a fixed shuffled order; families join, part or hyphenate them."""
    syllables = _SYLLABLES.split()
    both = [f"{a} {b}" for a in syllables for b in syllables if a != b]
    stream(0, "syllables").shuffle(both)
    return both


def _mixed(*lists: list[str]) -> list[str]:
    """The lists' values, one of each in turn."""
    order = np.argsort(np.concatenate([np.arange(len(values)) / len(values) for values in lists]), kind="stable")
    joined = [value for values in lists for value in values]
    return list(dict.fromkeys(joined[place] for place in order))
