"""One secret, several keys: `FLOWHOOK_SECRET_KEY` is never used as it is (HKDF, RFC 5869)."""

from typing import Literal

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

Purpose = Literal["webhook-tokens", "env", "sessions"]


def derive(secret: str, purpose: Purpose) -> bytes:
    """Return the 32 bytes that serve this one purpose."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"flowhook/{purpose}".encode()).derive(secret.encode())
