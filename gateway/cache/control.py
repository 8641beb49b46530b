"""What a request's `cache-control` header asks for (RFC 9111, 5.2.1). Pure."""

from dataclasses import dataclass

# Python refuses to parse very long numbers. Ten digits of seconds are three centuries.
MAX_DIGITS = 10


@dataclass(frozen=True)
class CacheControl:
    look_up: bool = True
    """False for `no-cache`: the answer is recomputed, and stored."""
    share: bool = True
    """False for `no-store`: the answer is computed for this request alone, and not stored."""
    max_age_s: int | None = None

    def accepts(self, age_s: int) -> bool:
        return self.max_age_s is None or age_s <= self.max_age_s


NO_DIRECTIVES = CacheControl()


def cache_control(header: str | None) -> CacheControl:
    """Directives that are unknown or malformed are ignored, as the RFC asks."""
    if not header:
        return NO_DIRECTIVES
    directives = dict(item.strip().lower().partition("=")[::2] for item in header.split(","))
    age = directives.get("max-age", "").strip('"')
    share = "no-store" not in directives
    return CacheControl(
        look_up=share and "no-cache" not in directives,
        share=share,
        max_age_s=int(age[:MAX_DIGITS]) if age.isascii() and age.isdigit() else None,
    )
