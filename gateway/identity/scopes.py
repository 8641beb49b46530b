"""What a caller may do, and the names that no tenant may have. Pure."""

import re

ASK, UPLOAD, VOTE, ERASE = "ask", "upload", "vote", "erase"
CARD, MATCH, MODERATE, BATCH, SYSTEM = "card", "match", "moderate", "batch", "system"
# `batch`: files and batches. `system`: instructions of its own in a question.
SCOPES = (ASK, UPLOAD, VOTE, ERASE, CARD, MATCH, MODERATE, BATCH, SYSTEM)
# Of a key for which nobody names any. A batch costs hours of a replica, and an instruction changes
# what a tenant's shoppers are told: both are given by name only.
USUAL = frozenset({ASK, UPLOAD, VOTE, ERASE, CARD, MATCH, MODERATE})
ANONYMOUS = frozenset({ASK, UPLOAD, VOTE, ERASE, CARD, MATCH})

ANONYMOUS_TENANT = "public"
# The log and the audit use these for themselves, in whatever case a person types them.
RESERVED = frozenset({ANONYMOUS_TENANT, "anonymous", "internal", "shopsight", "unknown"})
_TENANT = re.compile(r"[!-~]{1,64}")


def checked_tenant(name: str) -> str:
    """The name. Raises ValueError, whose text does not repeat the name."""
    if not _TENANT.fullmatch(name) or "#" in name:
        raise ValueError("a tenant's name is 1 to 64 characters of ASCII, without spaces and #")
    if name.lower() in RESERVED:
        raise ValueError(f"the tenant's name is reserved; these are: {', '.join(sorted(RESERVED))}")
    return name


def checked_scopes(text: str) -> frozenset[str]:
    """Scopes from `ask,upload`. Raises ValueError for an unknown one, or for none."""
    names = frozenset(filter(None, (name.strip() for name in text.split(","))))
    if not names or names - set(SCOPES):
        raise ValueError(f"scopes are some of: {', '.join(SCOPES)}")
    return names


def listed(scopes: frozenset[str]) -> str:
    """In the order of SCOPES, for tables and people."""
    return ",".join(scope for scope in SCOPES if scope in scopes)
