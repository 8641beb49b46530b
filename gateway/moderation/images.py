"""Blocks photos whose pixel digest is listed in BLOCKED_IMAGES."""

from dataclasses import dataclass

from contract.errors import ContentBlocked


@dataclass(frozen=True)
class ImagePolicy:
    blocked_digests: frozenset[str]

    def check(self, digest: str, flags: list[str]) -> None:
        """Raises ContentBlocked, and adds the reason to `flags` for the log."""
        if digest in self.blocked_digests:
            flags.append("image:listed")
            raise ContentBlocked
