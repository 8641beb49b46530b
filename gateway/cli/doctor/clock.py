"""Whether this machine's clock and a server's agree: keys, sessions, limits and the log all compare
times of several machines."""

from gateway.cli.doctor.finding import Finding, Grade

# Shares of limits and retry times are a second or two: more apart, and machines disagree on them.
MAX_SKEW_S = 2.0


def compare(server: str, theirs: float, before: float, after: float) -> Finding:
    """`theirs`: the server's clock, read between `before` and `after` of ours; all Unix seconds."""
    skew = 0.0 if before <= theirs <= after else theirs - (after if theirs > after else before)
    if abs(skew) <= MAX_SKEW_S:
        return Finding(
            "clock", Grade.OK, f"{server} and this machine agree within {MAX_SKEW_S:g} s"
        )
    ahead = "ahead of" if skew > 0 else "behind"
    said = f"the clock of {server} is {abs(skew):.1f} s {ahead} this machine's"
    return Finding("clock", Grade.FAIL, said, "start a time service (chrony) on both machines")
