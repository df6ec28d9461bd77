"""Files below a folder: read and written there, and nowhere that a link leads to."""

import os

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem
from upath import UPath

from pipelines.deliveries.inside import LinkedError, opened, put


class Elsewhere(LocalFileSystem):
    """A disk reached as if it were far away: a file system that has links and no handles."""

    protocol = "elsewhere"


pytestmark = pytest.mark.filterwarnings("ignore:UPath:UserWarning")  # of the file system made up here
fsspec.register_implementation("elsewhere", Elsewhere, clobber=True)
FOLDERS = ("330", "health", "2026-11-20")


@pytest.fixture(params=["disk", "file://", "elsewhere://"])
def root(request, tmp_path):
    """A landing place with one delivery's folder, at each kind of address; beside it lies `outside`."""
    (tmp_path / "landing").joinpath(*FOLDERS).mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "health.csv").write_bytes(b"outside")
    return UPath(("" if request.param == "disk" else request.param) + str(tmp_path / "landing"))


def disk(root):
    return UPath(root.path)


def content(root, *parts):
    with opened(root, parts) as stream:
        return stream.read()


def test_a_file_is_read_and_written_in_its_folder(root):
    put(root, (*FOLDERS, "ack.json"), b"first")
    put(root, (*FOLDERS, "ack.json"), b"second")
    assert content(root, *FOLDERS, "ack.json") == b"second"
    assert [path.name for path in disk(root).joinpath(*FOLDERS).iterdir()] == ["ack.json"]


@pytest.mark.parametrize("root", ["disk", "file://"], indirect=True)  # elsewhere the listing says what a folder is
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_no_linked_folder_on_the_way_is_followed(root, depth, tmp_path):
    top = disk(root)
    folder = top.joinpath(*FOLDERS[: depth + 1])
    moved = tmp_path / "outside" / "moved"
    folder.rename(moved)
    folder.symlink_to(moved)
    moved.joinpath(*FOLDERS[depth + 1 :], "health.csv").write_bytes(b"outside")
    before = sorted(tmp_path.joinpath("outside").rglob("*"))
    with pytest.raises(LinkedError):
        opened(root, (*FOLDERS, "health.csv"))
    with pytest.raises(LinkedError):
        put(root, (*FOLDERS, "ack.json"), b"{}")
    assert sorted(tmp_path.joinpath("outside").rglob("*")) == before


def test_no_linked_file_is_read(root, tmp_path):
    (disk(root).joinpath(*FOLDERS) / "health.csv").symlink_to(tmp_path / "outside" / "health.csv")
    with pytest.raises(LinkedError):
        opened(root, (*FOLDERS, "health.csv"))


def test_an_answer_is_never_written_through_a_link(root, tmp_path):
    answer = disk(root).joinpath(*FOLDERS) / "ack.json"
    answer.symlink_to(tmp_path / "outside" / "health.csv")
    if root.protocol == "elsewhere":
        with pytest.raises(LinkedError):
            put(root, (*FOLDERS, "ack.json"), b"{}")
    else:
        put(root, (*FOLDERS, "ack.json"), b"{}")
        assert (answer.is_symlink(), answer.read_bytes()) == (False, b"{}")
    assert (tmp_path / "outside" / "health.csv").read_bytes() == b"outside"


def test_the_landing_place_itself_may_be_a_link(root, tmp_path):
    (tmp_path / "door").symlink_to(tmp_path / "landing")
    door = UPath(f"{str(root).removesuffix('landing')}door")
    put(door, (*FOLDERS, "ack.json"), b"{}")
    assert content(root, *FOLDERS, "ack.json") == b"{}"


@pytest.mark.parametrize("name", ["missing.csv", "folder", "pipe", "x" * 300, "\ud800", "folder/x", "ack.json/x"])
def test_what_is_no_regular_file_is_not_there(root, name):
    folder = disk(root).joinpath(*FOLDERS)
    (folder / "folder").mkdir()
    (folder / "ack.json").write_bytes(b"{}")
    os.mkfifo(folder / "pipe")
    with pytest.raises((FileNotFoundError, NotADirectoryError)):
        opened(root, (*FOLDERS, *name.split("/")))


def test_what_a_killed_process_left_of_an_answer_is_removed_with_the_next(tmp_path):
    (tmp_path / ".ack.json.0123abcd.part").write_bytes(b"{")
    (tmp_path / ".ack.json.part").write_bytes(b"the supplier's own")
    put(UPath(tmp_path), ("ack.json",), b"{}")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".ack.json.part", "ack.json"]


def test_an_answer_that_cannot_be_put_in_place_leaves_nothing_behind(tmp_path):
    (tmp_path / "ack.json").mkdir()
    with pytest.raises(OSError, match="directory"):
        put(UPath(tmp_path), ("ack.json",), b"{}")
    assert [path.name for path in tmp_path.iterdir()] == ["ack.json"]
