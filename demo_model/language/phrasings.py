"""Reads the tables of phrasings: `intent: one way | another way`, continued on indented lines.

In a phrasing `{it}` becomes a reference to the product; `{who}`, `{thing}` and `{claim}` the detail
asked about.
"""


def table(text: str) -> dict[str, list[str]]:
    """Phrasings by intent."""
    phrasings: dict[str, list[str]] = {}
    intent = ""
    for line in text.strip().splitlines():
        if not line.startswith(" "):
            intent, _, line = line.partition(": ")
        ways = [way.strip() for way in line.split("|")]
        phrasings.setdefault(intent, []).extend(way for way in ways if way)
    return phrasings
