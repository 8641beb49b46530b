"""Which photos are refused: those whose pixel digest ops have put on the list."""

from dataclasses import dataclass

from gateway.errors import ContentBlocked


@dataclass(frozen=True)
class ImagePolicy:
    blocked_digests: frozenset[str]

    def check(self, digest: str, flags: list[str]) -> None:
        """Raises ContentBlocked; why is then in `flags`, for the log."""
        if digest in self.blocked_digests:
            flags.append("image:listed")
            raise ContentBlocked
