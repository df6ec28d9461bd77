"""The page of words explains whatever the pages say: the lists of kinds are those of the program, so that none is forgotten."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest
from lxml import html

from pipelines.home import Home
from pipelines.matching import load_model
from pipelines.publishing.difference import Difference
from pipelines.reporting import ShownModel, words, write_models, write_overview, write_reports
from pipelines.reporting.words import Word
from pipelines.seams import words as closed
from pipelines.validation import checklist
from tests.reporting import nights

COLLECTIONS = {name: getattr(words, name) for name in words.__all__ if name.isupper()}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home, engine = Home(tmp_path_factory.mktemp("words")), nights.database()
    write_models(home, [ShownModel(load_model(), "in_force", {})], {})
    write_reports(
        home, engine, "330", nights.NIGHT, nights.tonight(), nights.standing(), nights.matching(), nights.directory()
    )
    write_overview(home, engine, nights.NIGHT, nights.directory())
    return home.reports


def explained(site: Path) -> list[tuple[str, str]]:
    """Every word with its explanation, as the page has them."""
    root = html.parse(str(site / "words.html")).getroot()
    return [
        (row.find("dt").text_content().strip(), row.find("dd").text_content().strip())
        for row in root.iterfind(".//dl/div")
    ]


@pytest.mark.parametrize(
    ("kinds", "collection"),
    [
        (closed.TASK_KINDS, "TASKS"),
        (closed.DECISION_KINDS, "DECISIONS"),
        (closed.POSSIBLE_KINDS, "PAIRS"),
        (closed.FEED_STANDINGS, "FEEDS"),
        (checklist.REQUIREMENTS, "REQUIREMENTS"),
        (closed.STEPS, "STEPS"),
        (closed.REJECT_OUTCOMES, "OUTCOMES"),
        (closed.DIMENSIONS, "DIMENSIONS"),
        (get_args(words.Tone), "TONES"),
        (get_args(words.Tone), "COLOURS"),
        ({each.name for each in fields(Difference)} | {"split"}, "CHANGES"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_every_kind_of_the_program_has_its_words(kinds, collection):
    assert set(COLLECTIONS[collection]) == set(kinds)


def test_every_state_has_its_words():
    shown = {*closed.FEED_STATES, *closed.NIGHT_STATES, *closed.ATTEMPT_STATES} - {"running", "retired"}
    assert set(words.STATES) >= shown


def test_the_page_explains_all_of_them(site):
    found = explained(site)
    for tone, colour in words.COLOURS.items():
        assert (colour, words.TONES[tone]) in found
    for name in COLLECTIONS.keys() - {"COLOURS", "TONES"}:
        collection = COLLECTIONS[name]
        pairs = collection if isinstance(collection, tuple) else collection.items()
        for kind, meaning in pairs:
            if isinstance(meaning, Word):
                word, told = meaning.text, meaning.meaning
            else:
                word, told = (kind if isinstance(collection, tuple) else kind.replace("_", " ").capitalize()), meaning
            assert told, (name, kind)
            assert (word, told) in found, (name, kind)


@pytest.mark.parametrize(
    "word", ["shielded", "withheld", "hidden", "wish", "latched", "firewall", "wall", "possible pair", "flood"]
)
def test_the_words_of_protection_are_among_them(site, word):
    assert any(word in told.lower() for told, _ in explained(site))


def test_every_coloured_word_on_any_page_is_explained(site):
    found = {word.lower() for told, _ in explained(site) for word in (told, *told.split(", "))}
    used = {
        tag.text_content().strip()
        for page in site.rglob("*.html")
        for tag in html.parse(str(page)).getroot().find_class("tag")
    }
    assert {word for word in used if word.partition(":")[0].lower() not in found} == set()
