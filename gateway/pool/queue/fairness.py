"""Who is next: of those who wait, the one who has the fewest places for its weight. Pure.

Tenants are compared first, then the members of a tenant: its keys, or the addresses of shoppers.
Places are compared, not questions, so that long questions win nothing. Where all have alike, who
was served least is next (start-time fair queueing: Goyal, Vin, Cheng, 1996)."""

import math
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Asker:
    """Who asks the pool. `concurrency` bounds the places of the member."""

    tenant: str = ""
    member: str = ""
    weight: float = 1.0
    """Of the tenant."""
    concurrency: float = math.inf
    whole: bool = False
    """The share of places that a member may have is that of the tenant as well."""


NOBODY = Asker()


@dataclass
class Standing:
    """Of a tenant, or of a member."""

    places: int = 0
    waiting: int = 0
    served: float = 0.0
    """Questions for its weight, as if it had always asked as much as the others."""


@dataclass
class TenantStanding(Standing):
    members: dict[str, Standing] = field(default_factory=dict)


class Fairness:
    """`share`: of the places, and of the queue, that one member may have."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._tenants: dict[str, TenantStanding] = {}
        self._served = 0.0

    def cap(self, asker: Asker, places: int) -> int:
        """How many of so many places the asker may have at once."""
        return max(1, int(min(asker.concurrency, places * self._share)))

    def may_have_more(self, asker: Asker, places: int) -> bool:
        """Where there is no place at all, everybody may: to learn that at once, and not to wait for
        the end of what it has in flight."""
        if not places:
            return True
        tenant, member = self._of(asker)
        held = max(member.places, tenant.places if asker.whole else 0)
        return held < self.cap(asker, places)

    def may_wait(self, asker: Asker, limit: int) -> bool:
        tenant, member = self._of(asker)
        waiting = max(member.waiting, tenant.waiting if asker.whole else 0)
        return self._share >= 1 or waiting < max(1, int(limit * self._share))

    def order(self, asker: Asker) -> tuple[float, float, float, float]:
        """The lowest is next."""
        tenant, member = self._of(asker)
        return tenant.places / asker.weight, tenant.served, member.places, member.served

    def crowding(self, asker: Asker) -> tuple[float, float]:
        """How much of the queue its tenant and itself take: the highest gives way."""
        tenant, member = self._of(asker)
        return tenant.waiting / asker.weight, member.waiting

    def waits(self, asker: Asker, change: int) -> None:
        for standing in self._kept(asker):
            standing.waiting += change
        self._forget(asker)

    def begins(self, asker: Asker) -> None:
        tenant, member = self._kept(asker)
        self._served = max(self._served, tenant.served)
        tenant.places += 1
        tenant.served += 1 / asker.weight
        member.places += 1
        member.served += 1

    def ends(self, asker: Asker) -> None:
        for standing in self._kept(asker):
            standing.places -= 1
        self._forget(asker)

    def _of(self, asker: Asker) -> tuple[TenantStanding, Standing]:
        """Whoever comes back begins where the others are: it has saved nothing up. To look keeps
        nothing, since who is looked at may be refused and never end."""
        tenant = self._tenants.get(asker.tenant) or TenantStanding(served=self._served)
        member = tenant.members.get(asker.member)
        if member is None:
            least = min((each.served for each in tenant.members.values()), default=0.0)
            member = Standing(served=least)
        return tenant, member

    def _kept(self, asker: Asker) -> tuple[TenantStanding, Standing]:
        tenant, member = self._of(asker)
        self._tenants[asker.tenant] = tenant
        tenant.members[asker.member] = member
        return tenant, member

    def _forget(self, asker: Asker) -> None:
        tenant, member = self._of(asker)
        if not member.places and not member.waiting:
            del tenant.members[asker.member]
        if not tenant.members:
            del self._tenants[asker.tenant]
