"""What a request's `cache-control` asks for (RFC 9111, 5.2.1). Pure."""

from dataclasses import dataclass

# Python refuses to read very long numbers; ten digits are three centuries.
MAX_DIGITS = 10


@dataclass(frozen=True)
class CacheControl:
    look_up: bool = True
    """False for `no-cache`: the answer is computed anew, and kept."""
    share: bool = True
    """False for `no-store`: computed for this request alone, and not kept."""
    max_age_s: int | None = None

    def accepts(self, age_s: int) -> bool:
        return self.max_age_s is None or age_s <= self.max_age_s


ANY = CacheControl()


def cache_control(header: str | None) -> CacheControl:
    """Directives that are unknown or malformed are ignored, as the RFC asks."""
    if not header:
        return ANY
    directives = dict(item.strip().lower().partition("=")[::2] for item in header.split(","))
    age = directives.get("max-age", "").strip('"')
    share = "no-store" not in directives
    return CacheControl(
        look_up=share and "no-cache" not in directives,
        share=share,
        max_age_s=int(age[:MAX_DIGITS]) if age.isascii() and age.isdigit() else None,
    )
