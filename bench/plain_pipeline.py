"""The competitor: the night of an authority, or of several one after the other, as a competent engineer would write it in an afternoon.

pandas reads and checks, Great Expectations judges, Splink links, connected components cluster, Parquet and SQLite are
written. No strawman: columns are checked as columns wherever pandas can, only what has no column form (check digits,
XML, JSON) runs row by row; Splink is trained and blocked as its documentation advises; no Data Docs are rendered, no
reports written, nothing kept for the next night. It shares no code with the product.

    python bench/plain_pipeline.py LANDING AUTHORITY[,AUTHORITY…] NIGHT OUT

prints one JSON object: seconds by stage, and counts; of several authorities a list of these.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import logging
import resource
import sqlite3
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BEGAN = time.perf_counter()
warnings.simplefilter("ignore")

import great_expectations as gx  # noqa: E402 (the clock starts before the imports: they are part of the time)
import great_expectations.expectations as gxe  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import splink.comparison_library as cl  # noqa: E402
from lxml import etree  # noqa: E402
from splink import DuckDBAPI, Linker, SettingsCreator, block_on  # noqa: E402

SECONDS: dict[str, float] = {"import": round(time.perf_counter() - BEGAN, 3)}
POSTCODE = (
    "^(?:GIR 0AA|(?:[A-PR-UWYZ][0-9][0-9A-HJKPSTUW]?|[A-PR-UWYZ][A-HK-Y][0-9][0-9ABEHMNPRVWXY]?)"
    " [0-9][ABD-HJLNP-UW-Z]{2})$"
)
THRESHOLD = 0.99
UPN_LETTERS = "ABCDEFGHJKLMNPQRTUVWXYZ"
PERSON = [
    "unique_id", "source", "key", "first_name", "surname", "dob", "sex", "postcode", "address", "nhs_number", "upn",
]  # fmt: skip


@contextlib.contextmanager
def stage(name: str) -> Iterator[None]:
    """Note the seconds the block takes under `name`."""
    began = time.perf_counter()
    yield
    SECONDS[name] = round(time.perf_counter() - began, 3)


# ---- reading --------------------------------------------------------------------------------------------------------


def read(landing: Path, authority: str, night: str) -> dict[str, pd.DataFrame]:
    """The four feeds as frames of text; a feed that is missing or not what its manifest says is left out."""
    readers = {
        "health": lambda path: read_csv(path, sep=",", encoding="utf-8-sig"),
        "education": read_xml,
        "police": lambda path: read_csv(path, sep=";", encoding="cp1252"),
        "social_care": read_jsonl,
    }
    frames = {}
    for agency, reader in readers.items():
        folder = landing / authority / agency / night
        if not (folder / "manifest.json").exists():
            continue
        stated = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["files"][0]
        path = folder / stated["name"]
        if hashlib.sha256(path.read_bytes()).hexdigest() != stated["sha256"]:
            continue
        frame = pd.read_parquet(path) if path.suffix == ".parquet" else reader(path)
        frames[agency] = frame.drop_duplicates() if agency != "social_care" else frame
    return frames


def read_csv(path: Path, sep: str, encoding: str) -> pd.DataFrame:
    """A delimited file, every column as text; damaged lines are skipped."""
    return pd.read_csv(path, sep=sep, encoding=encoding, dtype="str", on_bad_lines="skip", encoding_errors="replace")


def read_xml(path: Path) -> pd.DataFrame:
    """The pupils of a census-like XML file, one row each."""
    rows = []
    for _, pupil in etree.iterparse(path, tag="Pupil", recover=True, resolve_entities=False):
        rows.append({child.tag: child.text for child in pupil})
        pupil.clear()
    return pd.DataFrame(rows, dtype="str")


def read_jsonl(path: Path) -> pd.DataFrame:
    """The children of a JSON lines file; nested values stay Python objects."""
    rows = []
    with path.open(encoding="utf-8") as stream:
        for line in stream:
            with contextlib.suppress(ValueError):
                rows.append(json.loads(line))
    return pd.DataFrame(rows)


# ---- validating -----------------------------------------------------------------------------------------------------


def nhs_number_ok(value: str) -> bool:
    """Modulus 11, in the ranges of England and Wales."""
    if len(value) != 10 or not value.isdigit() or len(set(value)) == 1 or value[0] not in "467":
        return False
    check = 11 - sum(int(digit) * weight for digit, weight in zip(value, range(10, 1, -1), strict=False)) % 11
    return check % 11 == int(value[9]) and check != 10


def upn_ok(value: str) -> bool:
    """Check letter of a permanent or temporary UPN."""
    if len(value) != 13 or value[0] not in UPN_LETTERS or not value[1:12].isdigit():
        return False
    last = UPN_LETTERS.find(value[12]) if value[12].isalpha() else int(value[12]) if value[12].isdigit() else -1
    if last < 0:
        return False
    total = sum(int(digit) * weight for digit, weight in zip(value[1:12], range(2, 13), strict=True)) + last * 13
    return UPN_LETTERS[total % 23] == value[0]


class Checks:
    """Collects what is wrong with one feed, and says which rows may load."""

    def __init__(self, agency: str, frame: pd.DataFrame, night: str) -> None:
        self.agency, self.frame, self.night = agency, frame.reset_index(drop=True), pd.Timestamp(night)
        self.rejected = pd.Series(False, index=self.frame.index)
        self.found: list[pd.DataFrame] = []

    def column(self, name: str) -> pd.Series:
        """A column's text without outer white space; one that was not delivered is missing throughout."""
        if name not in self.frame:
            return pd.Series(pd.NA, index=self.frame.index, dtype="str")
        text = self.frame[name].astype("str").str.strip()
        return text.where(self.frame[name].notna() & (text != ""))

    def note(self, broken: pd.Series, rule: str, severity: str) -> None:
        """Note the rows that break a rule."""
        broken = broken.fillna(False).astype(bool)
        if severity == "reject":
            self.rejected |= broken
        if broken.any():
            self.found.append(pd.DataFrame({"row": np.flatnonzero(broken) + 1, "rule": rule, "severity": severity}))

    def required(self, name: str) -> pd.Series:
        """A column that must be there."""
        values = self.column(name)
        self.note(values.isna(), f"{name} missing", "reject")
        return values

    def key(self, names: list[str]) -> pd.Series:
        """The record's key; repeats of one key are refused but for the first."""
        parts = [self.required(name) for name in names]
        key = parts[0]
        for part in parts[1:]:
            key = key + "/" + part
        self.note(key.notna() & key.duplicated(), "key repeated", "reject")
        return key

    def matching(self, values: pd.Series, good: pd.Series, rule: str) -> pd.Series:
        """Values that are good; the rest are queried and set aside."""
        bad = values.notna() & ~good.fillna(False).astype(bool)
        self.note(bad, rule, "query")
        return values.where(~bad)

    def regex(self, name: str, expression: str) -> pd.Series:
        """A column whose values have a shape."""
        values = self.column(name)
        return self.matching(values, values.str.match(expression), f"{name} malformed")

    def codes(self, name: str, allowed: list[str]) -> pd.Series:
        """A coded column."""
        values = self.column(name)
        return self.matching(values, values.isin(allowed), f"{name} unknown code")

    def checked(self, name: str, function: Any) -> pd.Series:
        """An identifier with a check digit."""
        values = self.column(name)
        plain = values.str.replace(r"[ -]", "", regex=True)
        return self.matching(plain, plain.map(function, na_action="ignore"), f"{name} invalid")

    def postcode(self, values: pd.Series) -> pd.Series:
        """Postcodes in their usual writing; pseudo postcodes say nothing."""
        plain = values.str.upper().str.replace(r"\s", "", regex=True)
        spaced = plain.str.slice(stop=-3) + " " + plain.str.slice(start=-3)
        spaced = spaced.where(~spaced.str.startswith("ZZ99", na=False))
        return self.matching(spaced, spaced.str.match(POSTCODE), "postcode malformed")

    def date(self, name: str, form: str = "%Y-%m-%d", required: bool = False) -> pd.Series:
        """A date that is real and not in the future."""
        text = self.required(name) if required else self.column(name)
        dates = pd.to_datetime(text, format=form, errors="coerce")
        severity = "reject" if required else "query"
        self.note(text.notna() & dates.isna(), f"{name} not a date", severity)
        self.note(dates > self.night, f"{name} in the future", severity)
        return dates.where(dates <= self.night)

    def birth_date(self, name: str, form: str = "%Y-%m-%d", required: bool = False) -> pd.Series:
        """A date of birth of somebody up to 25."""
        dates = self.date(name, form, required)
        self.note(dates == pd.Timestamp("1900-01-01"), f"{name} placeholder", "query")
        dates = dates.where(dates != pd.Timestamp("1900-01-01"))
        self.note(dates <= self.night - pd.DateOffset(years=26), f"{name} too old", "reject")
        return dates

    def person(self, **columns: pd.Series) -> pd.DataFrame:
        """The accepted rows in the form all feeds share."""
        frame = pd.DataFrame(columns)
        for name in ("first_name", "surname", "address"):
            long = frame[name].str.len() > 250
            self.note(long, f"{name} too long", "query")
            frame[name] = frame[name].where(~long.fillna(False).astype(bool))
        frame["source"] = self.agency
        frame["unique_id"] = self.agency + ":" + frame["key"]
        frame["dob"] = frame["dob"].dt.strftime("%Y-%m-%d")
        for name in ("first_name", "surname"):
            folded = frame[name].str.normalize("NFKD").str.encode("ascii", "ignore").str.decode("ascii").str.lower()
            frame[name] = folded.str.replace(r"[^a-z ]", "", regex=True).str.strip().replace("", pd.NA)
        frame["first_name"] = frame["first_name"].str.split(" ").str[0]
        return frame[~self.rejected].reindex(columns=PERSON)


def validate(frames: dict[str, pd.DataFrame], night: str) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """Accepted person records by feed, and every broken rule."""
    rules = {"health": health, "education": education, "police": police, "social_care": social_care}
    people, found = {}, []
    for agency, frame in frames.items():
        checks = Checks(agency, frame, night)
        people[agency] = rules[agency](checks)
        found += [each.assign(agency=agency) for each in checks.found]
    return people, pd.concat(found, ignore_index=True) if found else pd.DataFrame()


def health(checks: Checks) -> pd.DataFrame:
    """Rules of the health feed."""
    birth = checks.birth_date("birth_date", required=True)
    death = checks.date("death_date")
    checks.note(death < birth, "death before birth", "query")
    checks.date("address_from")
    checks.date("gp_from")
    checks.regex("gp_practice_code", r"^[A-Z]\d{5}$")
    checks.checked("previous_nhs_number", nhs_number_ok)
    checks.codes("confidentiality", ["S"])
    lines = [checks.column(f"address_line_{number}") for number in range(1, 6)]
    return checks.person(
        key=checks.key(["local_patient_id"]),
        first_name=checks.column("given_name"),
        surname=checks.required("family_name"),
        dob=birth,
        sex=checks.codes("gender", ["0", "1", "2", "9"]).map({"1": "M", "2": "F"}),
        postcode=checks.postcode(checks.column("postcode")),
        address=joined(lines),
        nhs_number=checks.checked("nhs_number", nhs_number_ok),
    )


def education(checks: Checks) -> pd.DataFrame:
    """Rules of the education feed."""
    entry, leaving = checks.date("EntryDate"), checks.date("LeavingDate")
    checks.note(leaving < entry, "leaves before entry", "query")
    checks.codes("EnrolStatus", list("CMSGF"))
    checks.checked("FormerUPN", upn_ok)
    checks.regex("UPRN", r"^\d{1,12}$")
    checks.regex("URN", r"^[1-9]\d{5}$")
    lines = [checks.column(f"AddressLine{number}") for number in range(1, 6)]
    return checks.person(
        key=checks.key(["UPN", "URN"]),
        first_name=checks.required("Forename"),
        surname=checks.required("Surname"),
        dob=checks.birth_date("DOB", required=True),
        sex=checks.codes("Sex", ["M", "F", "U"]).replace("U", pd.NA),
        postcode=checks.postcode(checks.column("Postcode")),
        address=joined(lines),
        upn=checks.checked("UPN", upn_ok),
    )


def police(checks: Checks) -> pd.DataFrame:
    """Rules of the police feed."""
    checks.date("contact_date", "%d/%m/%Y", required=True)
    age = pd.to_numeric(checks.column("age_estimate"), errors="coerce")
    birth = checks.birth_date("date_of_birth", "%d/%m/%Y")
    checks.note(birth.isna() & (age > 25), "too old", "reject")
    return checks.person(
        key=checks.key(["contact_ref"]),
        first_name=checks.column("forenames"),
        surname=checks.column("surname"),
        dob=birth,
        sex=checks.codes("sex", ["M", "F", "I", "X"]).where(lambda sex: sex.isin(["M", "F"])),
        postcode=checks.postcode(checks.column("postcode")),
        address=checks.column("location"),
    )


def social_care(checks: Checks) -> pd.DataFrame:
    """Rules of the social care feed; nested values are taken apart in Python."""
    names = checks.frame["names"].map(current_name)
    address = checks.frame["address"].map(lambda value: value if isinstance(value, dict) else {})
    checks.note(names.isna(), "names missing", "reject")
    birth, expected = checks.birth_date("date_of_birth"), checks.column("expected_date_of_birth")
    checks.note(birth.isna() == expected.isna(), "one of birth and expected birth", "reject")
    refused = checks.frame["involvements"].map(without_consent)
    checks.note(refused > 0, "sensitive without consent basis", "query")
    checks.codes("upn_unknown_reason", [f"UN{number}" for number in range(1, 8)])
    return checks.person(
        key=checks.key(["la_child_id"]),
        first_name=names.map(lambda name: name.get("given"), na_action="ignore").astype("str"),
        surname=names.map(lambda name: name.get("family"), na_action="ignore").astype("str"),
        dob=birth,
        sex=checks.codes("sex", ["M", "F", "U"]).replace("U", pd.NA),
        postcode=checks.postcode(address.map(lambda value: value.get("postcode")).astype("str")),
        address=address.map(lambda value: ", ".join(filter(None, value.get("lines") or []))).astype("str"),
        nhs_number=checks.checked("nhs_number", nhs_number_ok),
        upn=checks.checked("upn", upn_ok),
    )


def current_name(names: Any) -> dict[str, Any] | None:
    """The current name of a child, or the first one."""
    if not isinstance(names, list) or not names:
        return None
    return next((name for name in names if name.get("type") == "current"), names[0])


def without_consent(involvements: Any) -> int:
    """How many involvements are sensitive and have no consent basis."""
    if not isinstance(involvements, list):
        return 0
    return sum(bool(each.get("sensitive")) and not each.get("consent_basis") for each in involvements)


def joined(lines: list[pd.Series]) -> pd.Series:
    """Address lines in one text."""
    text = lines[0].fillna("")
    for line in lines[1:]:
        text = text + ", " + line.fillna("")
    return text.str.replace(r"(, )+", ", ", regex=True).str.strip(", ")


# ---- expectations ---------------------------------------------------------------------------------------------------


def expect(people: dict[str, pd.DataFrame]) -> dict[str, bool]:
    """A suite per feed on the accepted records."""
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    source = context.data_sources.add_pandas("feeds")
    passed = {}
    for agency, frame in people.items():
        batch = source.add_dataframe_asset(agency).add_batch_definition_whole_dataframe("night")
        suite = gx.ExpectationSuite(
            agency,
            expectations=[
                gxe.ExpectTableRowCountToBeBetween(min_value=1),
                gxe.ExpectColumnValuesToNotBeNull(column="key"),
                gxe.ExpectColumnValuesToBeUnique(column="unique_id"),
                gxe.ExpectColumnValuesToNotBeNull(column="surname", mostly=0.95),
                gxe.ExpectColumnValuesToNotBeNull(column="dob", mostly=0.5),
                gxe.ExpectColumnValuesToMatchRegex(column="dob", regex=r"^\d{4}-\d\d-\d\d$"),
                gxe.ExpectColumnValuesToBeInSet(column="sex", value_set=["M", "F"]),
                gxe.ExpectColumnValuesToMatchRegex(column="postcode", regex=POSTCODE),
                gxe.ExpectColumnValuesToMatchRegex(column="nhs_number", regex=r"^\d{10}$"),
                gxe.ExpectColumnValuesToMatchRegex(column="upn", regex=r"^[A-Z]\d{11}[0-9A-Z]$"),
            ],
        )
        passed[agency] = bool(batch.get_batch({"dataframe": frame}).validate(suite).success)
    return passed


# ---- linking --------------------------------------------------------------------------------------------------------


def link(people: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Clusters of records by Splink (unique_id, cluster_id), and the number of scored pairs above the threshold."""
    logging.disable(logging.WARNING)
    linkable = people[people["surname"].notna() | people["dob"].notna()]
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=[
            cl.NameComparison("first_name").configure(term_frequency_adjustments=True),
            cl.NameComparison("surname").configure(term_frequency_adjustments=True),
            cl.DateOfBirthComparison("dob", input_is_string=True),
            cl.LevenshteinAtThresholds("postcode", [1, 2]),
            cl.ExactMatch("sex"),
            cl.ExactMatch("nhs_number"),
            cl.ExactMatch("upn"),
        ],
        blocking_rules_to_generate_predictions=[
            block_on("nhs_number"),
            block_on("upn"),
            block_on("dob", "surname"),
            block_on("dob", "first_name"),
            block_on("dob", "postcode"),
            block_on("first_name", "surname", "postcode"),
            block_on("surname", "first_name", "substr(dob, 1, 4)"),
        ],
    )
    database = DuckDBAPI()
    linker = Linker(database.register(linkable), settings)
    linker.training.estimate_probability_two_random_records_match(
        [block_on("first_name", "surname", "dob"), block_on("nhs_number"), block_on("upn")], recall=0.8
    )
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
    linker.training.estimate_parameters_using_expectation_maximisation(block_on("dob"))
    linker.training.estimate_parameters_using_expectation_maximisation(block_on("first_name", "surname"))
    pairs = linker.inference.predict(threshold_match_probability=THRESHOLD)
    clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(pairs, threshold_match_probability=THRESHOLD)
    found = clusters.as_pandas_dataframe()[["unique_id", "cluster_id"]]
    return found, len(pairs.as_pandas_dataframe())


# ---- publishing -----------------------------------------------------------------------------------------------------


def publish(people: pd.DataFrame, clusters: pd.DataFrame, rejects: pd.DataFrame, out: Path) -> int:
    """Children and their records as Parquet and in SQLite; returns the number of children."""
    out.mkdir(parents=True, exist_ok=True)
    records = people.merge(clusters, on="unique_id", how="left")
    records["cluster_id"] = records["cluster_id"].fillna(records["unique_id"])
    order = {"health": 0, "education": 1, "social_care": 2, "police": 3}
    ranked = records.sort_values("source", key=lambda source: source.map(order), kind="stable")
    columns = ["first_name", "surname", "dob", "sex", "postcode", "address", "nhs_number", "upn"]
    children = ranked.groupby("cluster_id", sort=True)[columns].first().reset_index()
    links = records[["cluster_id", "unique_id", "source", "key"]]
    children.to_parquet(out / "children.parquet", index=False)
    links.to_parquet(out / "record_links.parquet", index=False)
    rejects.to_csv(out / "rejects.csv", index=False)
    (out / "index.db").unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(out / "index.db")) as connection, connection:
        children.to_sql("children", connection, index=False, chunksize=50_000)
        links.to_sql("record_links", connection, index=False, chunksize=50_000)
        connection.execute("CREATE INDEX record_links_child ON record_links (cluster_id)")
    return len(children)


def main(landing: str, authority: str, night: str, out: str) -> dict[str, Any]:
    """Load one authority's night; returns seconds by stage and counts."""
    with stage("read"):
        frames = read(Path(landing), authority, night)
    with stage("validate"):
        people, found = validate(frames, night)
    with stage("expectations"):
        passed = expect(people)
    with stage("link"), contextlib.redirect_stdout(io.StringIO()):
        together = pd.concat(people.values(), ignore_index=True)
        clusters, pairs = link(together)
    with stage("publish"):
        children = publish(together, clusters, found, Path(out))
    SECONDS["total"] = round(time.perf_counter() - BEGAN, 3)
    return {
        "seconds": dict(SECONDS),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "counts": {
            "read": {agency: len(frame) for agency, frame in frames.items()},
            "accepted": {agency: len(frame) for agency, frame in people.items()},
            "broken_rules": len(found),
            "pairs": pairs,
            "children": children,
        },
        "expectations_passed": passed,
    }


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    place, names, day, to = sys.argv[1:]
    told = [main(place, name, day, f"{to}/{name}") for name in names.split(",")]
    print(json.dumps(told[0] if len(told) == 1 else told, indent=1))
