"""The names of charsets, as clients write them."""

import encodings
from encodings.aliases import aliases


def charset_named(name: str) -> str:
    """The one name of a charset with many, such as `utf_8` of `UTF8`; of others what was given.
    Not by `codecs.lookup`: it keeps each name that it does not know in memory, for ever."""
    plain = encodings.normalize_encoding(name.strip().lower())
    return aliases.get(plain, plain)
