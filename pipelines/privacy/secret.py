"""The namespace secret: the key under which index ids and record references are made opaque.

It comes from the environment (``ISINDEX_SECRET``) and is never stored; the home keeps only a fingerprint of it, so
that a home is not continued under another secret by mistake. Without the variable a development secret is used and
every load says so.
"""

from __future__ import annotations

import hashlib
import hmac
import os

import pyarrow as pa

from pipelines.errors import IsindexError
from pipelines.home import Home
from pipelines.tables import write_bytes

__all__ = ["hold_to_secret", "is_development_secret", "keyed_digests", "namespace_secret", "secret_fingerprint"]

_VARIABLE = "ISINDEX_SECRET"
_DEVELOPMENT = b"isindex development secret: synthetic data only"


def namespace_secret() -> bytes:
    """The secret of this deployment."""
    return os.environ.get(_VARIABLE, "").encode() or _DEVELOPMENT


def is_development_secret() -> bool:
    """Whether no secret was set."""
    return not os.environ.get(_VARIABLE)


def secret_fingerprint() -> str:
    """A short one-way fingerprint of the secret, safe to store."""
    return hmac.new(namespace_secret(), b"fingerprint", hashlib.sha256).hexdigest()[:16]


def hold_to_secret(home: Home) -> None:
    """Note the secret's fingerprint in a new home; refuse to go on with an old one under another secret.

    Raises:
        IsindexError: SECRET_CHANGED.
    """
    path = home.root / "secret.fingerprint"
    if not path.exists():
        write_bytes(f"{secret_fingerprint()}\n".encode(), path)
    elif path.read_text(encoding="utf-8").strip() != secret_fingerprint():
        raise IsindexError(
            "SECRET_CHANGED",
            "This home was made under another namespace secret; under this one every child would get a new index id.",
            where=_VARIABLE,
            remedy="Set ISINDEX_SECRET as it was when the home was made, or load into a new home.",
        )


def keyed_digests(texts: pa.Array, purpose: str) -> pa.Array:
    """An opaque reference of 32 hex digits for each text; equal texts give equal references under one secret.

    Args:
        texts: record keys or other internal names.
        purpose: keeps references of different kinds apart.
    """
    key = hashlib.sha256(namespace_secret() + b"\0" + purpose.encode()).digest()
    digest = hashlib.blake2b
    return pa.array(
        [digest(text.encode(), key=key, digest_size=16).hexdigest() for text in texts.to_pylist()], pa.string()
    )
