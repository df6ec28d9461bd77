"""Whatever way the program is entered, what it writes is closed to everybody but its user; answers to suppliers are not."""

from __future__ import annotations

import stat
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from sample_feeds import make_nights

ISINDEX = str(Path(sys.executable).with_name("isindex"))


def open_to_others(folder: Path) -> list[str]:
    found = [folder, *folder.rglob("*")]
    assert len(found) > 1
    return [path.name for path in found if not path.is_symlink() and stat.S_IMODE(path.stat().st_mode) & 0o077]


@pytest.mark.in_full
@pytest.mark.slow
def test_a_load_writes_for_its_user_and_answers_whoever_may_read_the_delivery(tmp_path):
    make_nights(
        tmp_path, ("330",), first_night=date(2026, 11, 18), nights=1, children=60, agencies=("health", "police")
    )
    closed, shared = (tmp_path / "landing" / "330" / name / "2026-11-18" for name in ("health", "police"))
    closed.chmod(0o700)
    shared.chmod(0o775)
    words = ["load", "--landing", tmp_path / "landing", "--home", tmp_path / "home", "--json"]
    done = subprocess.run([ISINDEX, *words], umask=0, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert open_to_others(tmp_path / "home") == []
    for name in ("ack.json", "rejects.csv"):
        assert stat.S_IMODE((closed / name).stat().st_mode) == 0o600
        assert stat.S_IMODE((shared / name).stat().st_mode) == 0o640


@pytest.mark.in_full
@pytest.mark.parametrize(
    "entered",
    [
        "import assets.definitions",
        "from assets.run_launcher import NightRunLauncher; NightRunLauncher()",
        "from assets.command import main; sys.argv = ['isindex', '--help']\ntry:\n    main()\nexcept SystemExit:\n    pass",
        "from pipelines.deployment import open_deployment; open_deployment(Path('home'), create=True)",
    ],
    ids=["code location and run", "daemon and web server", "command", "a deployment opened"],
)
def test_every_way_in_closes_what_is_written_after_it(entered, tmp_path):
    script = (
        f"import sys\nfrom pathlib import Path\n{entered}\nPath('written').write_text('')\nPath('folder').mkdir()\n"
    )
    subprocess.run([sys.executable, "-c", script], umask=0, cwd=tmp_path, check=True, capture_output=True)
    assert stat.S_IMODE((tmp_path / "written").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "folder").stat().st_mode) == 0o700
