"""Tokens that stand in for identifiers wherever data is analysed."""

from __future__ import annotations

import hmac

TOKEN_CHARACTERS = 32


def token(key: bytes, kind: str, identifier: str) -> str:
    """Return 128 bits, in hex, of the HMAC-SHA256 of `kind` and `identifier` under `key`.

    Equal identifiers of one kind have equal tokens, so that joins still work; without the key nobody can make or
    guess one. `kind` (`patient`, `encounter`) keeps equal identifiers of different kinds apart.
    Source: https://csrc.nist.gov/pubs/fips/198-1/final
    """
    return hmac.digest(key, f"{kind}:{identifier}".encode(), "sha256").hex()[:TOKEN_CHARACTERS]
