"""Encryption at rest: documents and findable values that nobody reads without the operator's key.

What people wrote and who they are lies sealed: AES-256-GCM over the document's JSON, bound to its table. A value that
rows are found by (a number, a name, a skill in somebody's words) is replaced by a keyed hash. Ids, codes, times and
facts stay as they are: they hold no words, names or numbers, and the service orders and counts by them.
"""

from __future__ import annotations

import os
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING

from smsmentor.core.model import (
    Apart,
    Member,
    Offer,
    OutText,
    Prompt,
    Record,
    Request,
    Sprint,
    Standing,
    Suppressed,
    Tally,
    Text,
    Thread,
)
from smsmentor.errors import SmsmentorError, StoreDamaged

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SINCE_SECOND: frozenset[type[Record]] = frozenset({Standing, Tally})
"""Sealed since skills may be of the pool's own. In a file from before they lie plain; its opening seals them."""
SEALED: frozenset[type[Record]] = SINCE_SECOND | {
    Member,
    Request,
    Offer,
    Thread,
    Prompt,
    Sprint,
    Text,
    OutText,
    Suppressed,
    Apart,
}
"""The records that hold words, names or numbers."""
HIDDEN: dict[type[Record], frozenset[str]] = {
    Member: frozenset({"phone", "alias"}),
    Standing: frozenset({"id", "shelf"}),
    Suppressed: frozenset({"id"}),
    Apart: frozenset({"id", "number", "other"}),
    Tally: frozenset({"id"}),
}
"""The indexes whose keys would tell a number, a name or a skill in somebody's words."""

SALT_BYTES, NONCE_BYTES = 16, 12
_FIRST_PROOF, _PROOF = b"smsmentor", b"smsmentor 2"
"""Sealed in every file, to know the right key by. So only who has the key can say that a file is from before."""


class Seal:
    """The key of one file, made from the operator's key and the file's own salt."""

    def __init__(self, key: str, salt: bytes) -> None:
        secret = derived(key, salt, 64)
        self.salt = salt
        self.first = False
        """Of a file in which `SINCE_SECOND` is not sealed; as of `fits`."""
        self._cipher = cipher(secret[:32])
        self._finder = secret[32:]

    @classmethod
    def fresh(cls, key: str) -> Seal:
        """For a new file."""
        return cls(key, os.urandom(SALT_BYTES))

    @property
    def proof(self) -> bytes:
        """What a file keeps to know this key by."""
        return self._sealed(_PROOF, b"proof")

    def fits(self, proof: bytes) -> bool:
        """Whether a file's proof was made with this key."""
        try:
            found = self.open("proof", proof).encode()
        except StoreDamaged:
            return False
        self.first = found == _FIRST_PROOF
        return True

    def seal(self, table: str, text: str) -> bytes:
        """A document as it lies in its table."""
        return self._sealed(text.encode(), table.encode())

    def open(self, table: str, sealed: object) -> str:
        """The document again. Raises StoreDamaged for what was not sealed for this table with this key."""
        from cryptography.exceptions import InvalidTag

        if not isinstance(sealed, bytes):
            raise StoreDamaged(f"{table}: a document is not encrypted as it should be; restore a backup")
        try:
            plain = self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], table.encode())
        except (InvalidTag, ValueError):
            raise StoreDamaged(f"{table}: an encrypted document was changed; restore a backup") from None
        return plain.decode()

    def hide(self, name: str, value: str) -> str:
        """A value to find rows by: the same for the same value, and not to be read or guessed without the key."""
        return blake2b(f"{name} {value}".encode(), digest_size=16, key=self._finder).hexdigest()

    def _sealed(self, plain: bytes, table: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, table)


COST = 2**15
"""What deriving a key from words takes: 32 MB, and some tenths of a second."""


@lru_cache(maxsize=4)
def derived(key: str, salt: bytes, length: int) -> bytes:
    """Bytes of a key for one file. Slow on purpose, for keys that a person thought up."""
    _needed()
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    return Scrypt(salt=salt, length=length, n=COST, r=8, p=1).derive(key.encode())


def cipher(secret: bytes) -> AESGCM:
    """AES-256-GCM."""
    _needed()
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(secret)


def _needed() -> None:
    try:
        import cryptography  # noqa: F401
    except ImportError:
        raise SmsmentorError(
            "Encryption needs a library: .venv/bin/pip install -c constraints.txt -e '.[encrypted]' in the clone."
        ) from None
