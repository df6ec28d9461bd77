"""The documents name only what exists: commands, options, make targets, settings, files, tables.

Belongs here: holding README.md and docs/*.md against the code. Not here: what the commands do (tests/cli, tests/nights).
"""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

import pytest
import typer
import yaml

from assets.command.app import app
from pipelines.database.schema import INDEX_TABLES
from pipelines.errors import IsindexError
from pipelines.publishing.gates import GATES
from pipelines.settings import PREFIX, Settings
from pipelines.validation.promises import VERDICTS

ROOT = Path(__file__).resolve().parents[2]
DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
CODE = [
    *(
        path
        for folder in ("pipelines", "assets", "sample_feeds", "tests", "bench")
        for path in (ROOT / folder).rglob("*.py")
    ),
    *(ROOT / name for name in ("Makefile", ".ci/run", "docs/dagster.production.yaml")),
]
VARIABLE = re.compile(r"\bISINDEX_[A-Z][A-Z_]*[A-Z]\b")
GROUPS = {name: each for name, each in typer.main.get_command(app).commands.items() if hasattr(each, "commands")}
COMMANDS = {
    **{name: each for name, each in typer.main.get_command(app).commands.items() if name not in GROUPS},
    **{f"{group} {name}": each for group in GROUPS for name, each in GROUPS[group].commands.items()},
}
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def snippets(text: str) -> list[str]:
    """What a document shows as code: the lines of its fenced blocks, and what stands between backticks."""
    fenced = re.findall(r"^ *```[a-z]*\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
    return [line.strip() for block in fenced for line in block.splitlines()] + [
        " ".join(code.split()) for code in re.findall(r"`([^`]+)`", prose)
    ]


def invocations(program: str) -> list[tuple[str, list[str]]]:
    """(document, words after the program's name) of every use of `program` in the documents."""
    pattern = re.compile(rf"(?:^|[\s/]){program} (.+)$")
    found = []
    for path in DOCS:
        for snippet in snippets(path.read_text(encoding="utf-8")):
            match = pattern.search(snippet)
            if match:
                words = shlex.split(match.group(1).partition(" #")[0].partition(" > ")[0])
                found.append((path.name, words))
    return found


def split(words: list[str]) -> tuple[str, list[str]]:
    """The command that is named, `model train` for one in a group, and the words after it."""
    length = 2 if words[0] in GROUPS else 1
    return " ".join(words[:length]), words[length:]


def known_variables() -> set[str]:
    in_code = {
        name for path in CODE if path != Path(__file__) for name in VARIABLE.findall(path.read_text(encoding="utf-8"))
    }
    return in_code | {f"{PREFIX}{field.upper()}" for field in Settings.model_fields}


def test_every_command_and_option_that_is_named_exists():
    uses = invocations("isindex")
    assert len(uses) > 15
    unknown = []
    for document, words in uses:
        name, rest = split(words)
        if name in ("COMMAND", "--help", *GROUPS):  # a group named in passing
            continue
        command = COMMANDS.get(name)
        options = (
            {option for each in command.params for option in (*each.opts, *each.secondary_opts)} if command else set()
        )
        unknown += [
            f"{document}: isindex {name} {word}".strip()
            for word in ([""] if command is None else [word for word in rest if word.startswith("-")])
            if word not in {*options, "--help"}
        ]
    assert unknown == []


def test_an_invocation_gives_what_its_command_requires():
    lacking = []
    for document, words in invocations("isindex"):
        name, rest = split(words)
        command = COMMANDS.get(name)
        if command is None or not rest:  # named in passing
            continue
        for each in command.params:
            given = rest if each.param_type_name == "argument" else set(each.opts) & set(rest)
            if each.required and not given:
                lacking.append(f"{document}: isindex {name} lacks {each.opts[0]}")
    assert lacking == []


def test_every_command_is_in_the_readme():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f"isindex {name}" not in readme] == []


def test_every_make_target_that_is_named_exists():
    uses = invocations("make")
    assert len(uses) > 5
    assert [f"{document}: make {words[0]}" for document, words in uses if words[0] not in TARGETS] == []


def test_settings_are_the_same_in_documents_and_code():
    documented = {name for path in DOCS for name in VARIABLE.findall(path.read_text(encoding="utf-8"))}
    assert documented == known_variables()


def raised_codes() -> set[str]:
    """The codes of all coded errors of the product."""
    calls = [
        node.args[0]
        for folder in ("pipelines", "assets")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("IsindexError", "_fault") and node.args
    ]
    return {each.value for call in calls for each in ast.walk(call)
            if isinstance(each, ast.Constant) and re.fullmatch(r"[A-Z]+(_[A-Z]+)+", str(each.value))}  # fmt: skip


def test_every_code_that_a_command_or_a_stage_ends_with_is_in_the_runbook_with_its_exit_code():
    runbook = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    told = {
        code: (int(exit_code), again == "yes")
        for codes, exit_code, again in re.findall(
            r"^\| (`[A-Z_`, ]+`) \|.*\| (\d) \| (yes|no) \|$", runbook, re.MULTILINE
        )
        for code in re.findall(r"[A-Z_]+", codes)
    }
    known = {code: IsindexError(code, "") for code in {*told, *raised_codes()}}
    assert {code: (error.exit_code, error.may_pass) for code, error in known.items() if code in told} == told
    assert set(known) - set(told) == set()
    assert set(told) - raised_codes() - {"DATABASE_UNREACHABLE", "DATABASE_READ_ONLY", "DATABASE_DAMAGED"} == set()


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_leads_to_a_file(path):
    targets = re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8"))
    inside = [target.partition("#")[0] for target in targets if "://" not in target]
    assert [target for target in inside if not (path.parent / target).exists()] == []


def test_the_snapshot_tables_are_told_column_by_column():
    guide = (ROOT / "docs" / "analysts.md").read_text(encoding="utf-8")
    for name, table in INDEX_TABLES.items():
        columns = ", ".join(f"`{column.name}`" for column in table.c if column.name not in ("authority", "row"))
        assert f"| `{name}` | `{table.name}` | {columns} |" in guide, name


def test_every_gate_is_told_to_analysts_and_every_kind_of_expectation():
    guide = (ROOT / "docs" / "analysts.md").read_text(encoding="utf-8")
    assert [name for name in GATES if f"`{name}`" not in guide] == []
    assert {verdict.name.partition("_")[0] for verdict in VERDICTS} == {"frame", "measures"}


def test_every_code_of_a_delivery_and_of_the_landing_place_is_told():
    declared = {
        code
        for name in ("file_codes.yaml", "landing_codes.yaml")
        for code in yaml.safe_load((ROOT / "schemas" / name).read_text(encoding="utf-8"))
    }
    told = set(
        re.findall(r"`([A-Z]+(?:_[A-Z]+)+|[A-Z]{4,})`", (ROOT / "docs" / "concepts.md").read_text(encoding="utf-8"))
    )
    assert declared - told == set()
    assert {code for code in told if not code.startswith("ISINDEX_")} - declared == set()


def test_every_code_of_an_interim_index_is_told():
    declared = list(yaml.safe_load((ROOT / "schemas" / "interim_codes.yaml").read_text(encoding="utf-8")))
    guide = (ROOT / "docs" / "interim-indexes.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(INTERIM_[A-Z_]+)` \|", guide, re.MULTILINE) == declared


def test_what_is_kept_back_ends_with_one_code_whatever_it_is_kept_back_for():
    assert IsindexError("FIREWALL_STANDS", "").exit_code == IsindexError("CHILD_PROTECTED", "").exit_code == 1


def test_administrators_are_told_of_every_page_of_a_night_and_who_may_read_its_tables():
    """Pages by the site's own templates: a new one that the guide does not name fails."""
    guide = (ROOT / "docs" / "administrators.md").read_text(encoding="utf-8")
    templates = ROOT / "pipelines" / "reporting" / "templates"
    pages = [path.name for path in templates.glob("*.html") if 'extends "authority.html"' in path.read_text("utf-8")]
    morning, _, who = guide.partition("## Who may read which file")
    assert len(pages) >= 4
    assert [page for page in pages if f"…/<authority>/{page}" not in morning] == []
    assert [
        page
        for page in ("protection page", "match page", "data quality", "Rejected-record page")
        if page.lower() not in who.lower()
    ] == []
    assert [name for name in ("tasks.csv", "review.csv", "rejects.csv", "rejected.csv") if f"`{name}`" not in who] == []
    assert "protection.md#a-child-must-be-hidden-now" in guide
