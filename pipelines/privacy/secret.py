"""The namespace secret: the key under which index ids and record references are made opaque.

It comes from the settings (``ISINDEX_SECRET``) and is never stored; the home keeps only a fingerprint of it that is slow
to guess, so that a home is not continued under another secret by mistake. Only a demo home, which holds nothing but invented children, may do without:
there a development secret is used that everybody can read here.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
from pydantic import SecretStr

from pipelines.errors import IsindexError
from pipelines.home import Home
from pipelines.settings import settings, use_settings
from pipelines.tables import store_damaged, write_bytes

__all__ = [
    "LEAST_BYTES",
    "hold_to_secret",
    "is_development_secret",
    "key_for",
    "keyed_digests",
    "namespace_secret",
    "require_secret",
    "throwaway_secret",
]

LEAST_BYTES = 32
_VARIABLE = "ISINDEX_SECRET"
_DEVELOPMENT = b"isindex development secret: synthetic data only"
# 16 MiB and some 50 ms a guess; the secret itself has no pattern to guess by
_COST = {"n": 2**14, "r": 8, "p": 1}

_IS_FINGERPRINT = re.compile(r"[0-9a-f]{32}:[0-9a-f]{64}").fullmatch
_PUT_BACK = (
    "Put this file back from a backup of the home, whichever there is: it never changes. Without it nobody can tell whether "
    "ISINDEX_SECRET is still the secret that the index ids were made with."
)


def namespace_secret() -> bytes:
    """The secret of this deployment.

    Raises:
        IsindexError: SECRET_MISSING.
    """
    secret = settings().secret.get_secret_value().encode()
    if not secret:
        raise _missing()
    return secret


def is_development_secret() -> bool:
    """Whether the development secret is in use."""
    return settings().secret.get_secret_value().encode() == _DEVELOPMENT


def require_secret(*, demo: bool) -> bytes:
    """The secret, if one that will do is set; for a demo home the development secret is put in use where none is.

    Raises:
        IsindexError: SECRET_MISSING, SECRET_TOO_SHORT.
    """
    if demo and not settings().secret.get_secret_value():
        use_settings(settings().model_copy(update={"secret": SecretStr(_DEVELOPMENT.decode())}))
    secret = namespace_secret()
    if secret == _DEVELOPMENT and not demo:
        raise _missing()
    if len(secret) < LEAST_BYTES:
        raise IsindexError(
            "SECRET_TOO_SHORT",
            f"The namespace secret has {len(secret)} bytes; it must have {LEAST_BYTES} or more.",
            where=_VARIABLE,
            remedy="Make one by `openssl rand -hex 32`.",
        )
    return secret


def hold_to_secret(home: Home, *, demo: bool) -> None:
    """Note the secret's fingerprint in a new home; refuse to go on with an old one under another secret.

    Raises:
        IsindexError: SECRET_MISSING, SECRET_TOO_SHORT, SECRET_CHANGED; STORE_DAMAGED when the fingerprint is cut, or is gone
            from a home that has published.
    """
    secret = require_secret(demo=demo)
    path = home.root / "secret.fingerprint"
    if not path.exists() and not any(home.root.glob("snapshots/*/*")):
        write_bytes(f"{_fingerprint(secret, secrets.token_hex(16))}\n".encode(), path)
    elif not path.exists() or not _IS_FINGERPRINT(_kept_in(path)):  # one that has published has a fingerprint
        raise store_damaged(path, _PUT_BACK)
    elif not _fits(secret, path):
        raise IsindexError(
            "SECRET_CHANGED",
            "This home was made under another namespace secret; under this one every child would get a new index id.",
            where=_VARIABLE,
            remedy="Set ISINDEX_SECRET as it was when the home was made, or load into a new home.",
        )


@contextmanager
def throwaway_secret() -> Iterator[None]:
    """For what keeps nothing, outside any deployment: where no secret is set, one that nobody will know again."""
    before = settings()
    if not before.secret.get_secret_value():
        use_settings(before.model_copy(update={"secret": SecretStr(secrets.token_hex(LEAST_BYTES))}))
    try:
        yield
    finally:
        use_settings(before)


def key_for(purpose: str) -> bytes:
    """A key of 32 bytes made from the secret, another one for each purpose."""
    return hashlib.sha256(namespace_secret() + b"\0" + purpose.encode()).digest()


def keyed_digests(texts: pa.Array, purpose: str) -> pa.Array:
    """An opaque reference of 32 hex digits for each text; equal texts give equal references under one secret.

    Args:
        texts: record keys or other internal names.
        purpose: keeps references of different kinds apart.
    """
    key = key_for(purpose)
    digest = hashlib.blake2b
    return pa.array(
        [digest(text.encode(), key=key, digest_size=16).hexdigest() for text in texts.to_pylist()], pa.string()
    )


def _kept_in(path: Path) -> str:
    return path.read_text(encoding="ascii", errors="replace").strip()


def _fits(secret: bytes, path: Path) -> bool:
    kept = _kept_in(path)
    return hmac.compare_digest(_fingerprint(secret, kept.partition(":")[0]).encode(), kept.encode())


@lru_cache(maxsize=8)
def _fingerprint(secret: bytes, salt: str) -> str:
    """``salt:digest``; remembered, since a process asks for every step."""
    return f"{salt}:{hashlib.scrypt(secret, salt=salt.encode(), **_COST, dklen=32).hex()}"


def _missing() -> IsindexError:
    return IsindexError(
        "SECRET_MISSING",
        "No namespace secret is set, and only a demo home may do without.",
        where=_VARIABLE,
        remedy="Make one by `openssl rand -hex 32`, keep it as a password, and set ISINDEX_SECRET to it.",
    )
