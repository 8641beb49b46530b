"""What the process has seen in a photo, and the hash by which a picture is known again when it was
scaled or compressed anew. Pure."""

from dataclasses import dataclass

# Bits in which a copy may differ from the picture on the list: scaled or compressed copies differ
# in up to 4, other pictures in 20 and more.
SAME_PICTURE_BITS = 6


@dataclass(frozen=True, slots=True)
class Findings:
    nsfw: float = 0.0
    """How likely it is pornographic, 0 to 1."""
    codes: tuple[str, ...] = ()
    """What QR codes and other codes say."""
    texts: tuple[str, ...] = ()
    """Lines of text."""
    hash: int = 0


def looks_like(hash_: int, listed: frozenset[int]) -> bool:
    return any((hash_ ^ other).bit_count() <= SAME_PICTURE_BITS for other in listed)
