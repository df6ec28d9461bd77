"""Telling the people on duty: a line in the home's notifications and, where set, a message to a web address.

A notification holds ids and codes only, so that it may go to a chat or a mailbox.
"""

from __future__ import annotations

import json
import urllib.request
from datetime import UTC, datetime
from typing import Any

from pipelines.deployment import Deployment

__all__ = ["notify"]


def notify(deployment: Deployment, kind: str, **facts: Any) -> None:
    """Append the facts to ``notifications.jsonl`` and post them to ``ISINDEX_NOTIFY_URL`` if that is set.

    Raises:
        OSError: the address does not answer; the line is already written then.
    """
    line = json.dumps({"kind": kind, "at": datetime.now(UTC).isoformat(timespec="seconds"), **facts}, sort_keys=True)
    with (deployment.home.root / "notifications.jsonl").open("a", encoding="utf-8") as stream:
        stream.write(line + "\n")
    address = deployment.settings.notify_url
    if address.startswith(("https://", "http://")):
        request = urllib.request.Request(  # noqa: S310  (the scheme is checked above)
            address, data=line.encode(), headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10):  # noqa: S310
            pass
