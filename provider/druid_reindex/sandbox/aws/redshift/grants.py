"""Users and what they may do: GRANT, REVOKE and CREATE USER."""

from __future__ import annotations

from druid_reindex.sandbox.aws.redshift.moving import identifier, quoted
from druid_reindex.sandbox.aws.redshift.refusals import outside
from druid_reindex.sandbox.aws.redshift.tokens import Words

PRIVILEGES = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "USAGE", "CREATE", "ALL"})


def privileges(words: Words) -> str:
    """Return a GRANT or REVOKE as SQL. Raises SqlRefusal.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/r_GRANT.html
    """
    verb = words.peek()
    words.at += 1
    what = [_privilege(words)]
    while words.take(","):
        what.append(_privilege(words))
    words.need("ON")
    on = _securable(words)
    words.need("TO" if verb == "GRANT" else "FROM")
    whom = [_grantee(words)]
    while words.take(","):
        whom.append(_grantee(words))
    words.end()
    to = "TO" if verb == "GRANT" else "FROM"
    return f"{verb} {', '.join(what)} ON {on} {to} {', '.join(whom)}"


def _privilege(words: Words) -> str:
    word = words.peek()
    if word not in PRIVILEGES:
        raise outside(f"the privilege {word or 'of that name'}")
    words.at += 1
    if word == "ALL":
        words.take("PRIVILEGES")
    return word


def _securable(words: Words) -> str:
    if words.take("ALL", "TABLES", "IN", "SCHEMA"):
        return f"ALL TABLES IN SCHEMA {identifier(words.name())}"
    if words.take("SCHEMA"):
        return f"SCHEMA {identifier(words.name())}"
    words.take("TABLE")
    return f"TABLE {quoted(words.qualified())}"


def _grantee(words: Words) -> str:
    if words.take("PUBLIC"):
        return "PUBLIC"
    if words.peek() in {"GROUP", "ROLE"}:
        raise outside(f"a {words.peek()} in GRANT and REVOKE")
    return identifier(words.verbatim())


def user(words: Words) -> str:
    """Return a CREATE USER as SQL; users have no passwords here. Raises SqlRefusal.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_USER.html
    """
    words.need("CREATE", "USER")
    name = identifier(words.verbatim())
    words.take("WITH")
    words.need("PASSWORD", "DISABLE")
    words.end()
    return f"CREATE ROLE {name} NOLOGIN"
