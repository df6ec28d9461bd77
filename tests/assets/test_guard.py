"""The real server on this machine answers its own pages and commands, and nothing that a page of another site asks."""

from __future__ import annotations

import http.client
import json
import socket
import stat
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

ISINDEX = Path(sys.executable).with_name("isindex")
QUERY = json.dumps({"query": "{version}"}).encode()
GET_QUERY = "/graphql?query=%7Bversion%7D"

pytestmark = [pytest.mark.slow, pytest.mark.in_full]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Port and home of a UI, started with a umask that closes nothing; a gateway's name is allowed."""
    out = tmp_path_factory.mktemp("guard")
    (out / "landing").mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["ui", "--home", out / "home", "--landing", out / "landing", "--port", str(port)]
    log = out / "ui.log"
    with (
        log.open("w") as stream,
        subprocess.Popen(
            [ISINDEX, *words, "--allow-host", "isindex.council.example"], stdout=stream, stderr=stream, umask=0
        ) as process,
    ):
        end = time.monotonic() + 120
        try:
            while True:
                with suppress(OSError):
                    if ask(port, "GET", "/server_info")[0] == 200:
                        break
                assert process.poll() is None and time.monotonic() < end, log.read_text()[-3000:]
                time.sleep(0.5)
            yield port, out / "home"
        finally:
            process.terminate()
            assert process.wait(60) == 0


def ask(port, method, path, body=None, **headers):
    """Status and text of an answer; headers with ``_`` for ``-``."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        given = {name.replace("_", "-"): value.format(port=port) for name, value in headers.items()}
        connection.request(method, path, body, given)
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    finally:
        connection.close()


@pytest.mark.parametrize(
    "host", ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST:{port}", "[::1]:{port}", "isindex.council.example"]
)
def test_it_answers_under_its_own_names(served, host):
    port, _ = served
    status, text = ask(port, "POST", "/graphql", QUERY, Host=host, Content_Type="application/json")
    assert (status, "version" in text) == (200, True)
    assert ask(port, "GET", "/", Host=host)[0] == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1.evil.example",
        "localhost.evil.example:{port}",
        "",
        "a.isindex.council.example",
    ],
)
@pytest.mark.parametrize("path", ["/", "/graphql", "/server_info"])
def test_it_does_not_under_another(served, host, path):
    port, _ = served
    assert ask(port, "GET", path, Host=host)[0] in (400, 403)
    assert ask(port, "POST", path, QUERY, Host=host, Content_Type="application/json")[0] in (400, 403)


OWN = ["http://127.0.0.1:{port}"]
FOREIGN = ["http://evil.example", "https://evil.example", "null", "http://127.0.0.1:1", "http://127.0.0.1", "http://localhost:{port}",
           "http://127.0.0.1:{port}.evil.example", "http://127.0.0.1:{port}@evil.example", "file://127.0.0.1:{port}", "http://[", ""]  # fmt: skip


@pytest.mark.parametrize("origin", [*OWN, "https://isindex.council.example"])
def test_its_own_pages_may_ask(served, origin):
    port, _ = served
    assert ask(port, "POST", "/graphql", QUERY, Origin=origin, Content_Type="application/json")[0] == 200


@pytest.mark.parametrize("origin", FOREIGN)
def test_the_pages_of_others_may_not(served, origin):
    port, _ = served
    for method, path, body in (
        ("POST", "/graphql", QUERY),
        ("POST", GET_QUERY, b""),
        ("GET", GET_QUERY, None),
        ("GET", "/", None),
    ):
        status, text = ask(port, method, path, body, Origin=origin, Content_Type="application/json")
        assert (status, "version" in text) == (403, False), (method, path)


def test_a_picture_or_a_link_of_another_page_asks_nothing(served):
    """They have no Origin; Dagster would act on a query in the address."""
    port, _ = served
    for fetched in (
        {"Mode": "no-cors", "Dest": "image"},
        {"Mode": "navigate", "Dest": "document"},
        {"Mode": "navigate", "Dest": "iframe"},
    ):
        for site in ("cross-site", "same-site"):
            given = {"Sec_Fetch_Site": site} | {f"Sec_Fetch_{name}": value for name, value in fetched.items()}
            assert ask(port, "GET", GET_QUERY, **given)[0] == 403
    assert ask(port, "GET", GET_QUERY, Sec_Fetch_Site="same-origin")[0] == 200


def test_a_link_of_another_page_leads_to_the_ui_itself(served):
    port, _ = served
    link = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
    assert ask(port, "GET", "/runs", **link)[0] == 200
    assert ask(port, "GET", "/runs", **link | {"Sec_Fetch_Dest": "iframe"})[0] == 403


def test_a_websocket_is_opened_for_its_own_pages_alone(served):
    port, _ = served
    address = f"ws://127.0.0.1:{port}/graphql"
    with connect(address, origin=f"http://127.0.0.1:{port}", subprotocols=["graphql-ws"]) as opened:
        opened.send(json.dumps({"type": "connection_init"}))
        assert json.loads(opened.recv(30))["type"] == "connection_ack"
    for origin in FOREIGN:
        with pytest.raises(InvalidStatus) as refused:
            connect(address, origin=origin.format(port=port), subprotocols=["graphql-ws"])
        assert refused.value.response.status_code == 403


def test_a_websocket_is_not_opened_under_another_name(served):
    port, _ = served
    with socket.create_connection(("127.0.0.1", port)) as opened, pytest.raises(InvalidStatus) as refused:
        connect(f"ws://evil.example:{port}/graphql", sock=opened, subprotocols=["graphql-ws"])
    assert refused.value.response.status_code in (400, 403)


def test_what_it_writes_is_for_its_user_alone(served):
    _, home = served
    written = [home, *home.rglob("*")]
    assert len(written) > 5
    assert [path for path in written if stat.S_IMODE(path.lstat().st_mode) & 0o077 and not path.is_symlink()] == []
