"""Tokens that stand in for identifiers wherever data is analysed."""

from __future__ import annotations

import hmac

TOKEN_CHARACTERS = 32
TOKEN_KEY_SECRET = "patient-token-key"  # noqa: S105 - the name of the sandbox's own secret
# The same key as the account's Secrets Manager has it, where clusters' steps read it: name and version of the pipeline.
TOKEN_KEY_ID = "druid-reindex/tokens/phi/patients"  # noqa: S105 - its name
TOKEN_KEY_VERSION = "77777777-7777-4777-8777-777777777777"  # noqa: S105 - its version's id


def token(key: bytes, kind: str, identifier: str) -> str:
    """Return 128 bits, in hex, of the HMAC-SHA256 of `kind` and `identifier` under `key`.

    Equal identifiers of one kind have equal tokens, so that joins still work; without the key nobody can make or
    guess one. `kind` (`patient`, `encounter`) keeps equal identifiers of different kinds apart.
    Source: https://csrc.nist.gov/pubs/fips/198-1/final
    """
    return hmac.digest(key, f"{kind}:{identifier}".encode(), "sha256").hex()[:TOKEN_CHARACTERS]
