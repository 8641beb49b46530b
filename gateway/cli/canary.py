"""`shopsight canary`: a new revision gets a share of the callers, is judged, and goes on or back.
Asks the running gateway's administration."""

import argparse
import getpass
import hashlib
import json
import os
import sys
from typing import Any

from gateway.cli.admin import ask_admin, refused
from gateway.cli.evaluate import PASSED, evaluated
from gateway.cli.sql import table

PERCENT = 100
SIGNS = (
    ("failed", "requests", "failed"),
    ("slow", "computed", "slower than {slow:g} ms"),
    ("down", "votes", "thumbs down"),
)


def run(args: argparse.Namespace) -> int:
    return int(args.do(args))


def start(args: argparse.Namespace) -> int:
    share = args.percent / PERCENT
    body: dict[str, Any] = {"candidate": args.candidate, "share": share, "promote": args.promote}
    if args.baseline is not None:
        body["baseline"] = args.baseline
    if args.after is not None:
        body["promote_after"] = args.after
    if args.set is not None:
        status, evaluation = _evaluation(args)
        if evaluation is None:
            return status
        body["evaluation"] = evaluation
    return _decide("canary", body, args)


def status(args: argparse.Namespace) -> int:
    answer = ask_admin("GET", "canary")
    return 1 if answer is None else _show(answer, args.json)


def warm(args: argparse.Namespace) -> int:
    answer = ask_admin("POST", "canary/warm", _patience(args), json=_with_bounds(args))
    if answer is None:
        return 1
    print(_warmed(answer))
    return 0


def promote(args: argparse.Namespace) -> int:
    body = _with_bounds(args)
    if args.cold:
        body["pairs"] = 0
    return _decide("canary/promote", body, args, _patience(args))


def rollback(args: argparse.Namespace) -> int:
    return _decide("canary/rollback", {}, args)


def _decide(
    what: str, body: dict[str, Any], args: argparse.Namespace, timeout_s: float | None = None
) -> int:
    answer = ask_admin("POST", what, timeout_s, json={"by": _by(args.by), **body})
    if answer is None:
        return 1
    if answer.get("logged") is False:
        print("The database does not answer: this is written down nowhere.", file=sys.stderr)
    if warming := answer.get("warming"):
        print(_warmed(warming))
    return _show(answer, as_json=False)


def _evaluation(args: argparse.Namespace) -> tuple[int, dict[str, Any] | None]:
    """What the shop's own set says of both revisions, as the log is to have it. None where it was
    not passed, or could not be asked: then no caller gets the new revision."""
    baseline = args.baseline or _baseline(args.candidate)
    if baseline is None:
        return 1, None
    url = args.url or ["http://127.0.0.1:8080"]
    options = {"revision": [baseline, args.candidate], "url": url, "checkpoint": [], "price": []}
    code, report = evaluated(argparse.Namespace(**{**vars(args), **options}))
    if report is None:
        print("Not started: the set could not be asked.", file=sys.stderr)
        return code, None
    if code != PASSED:
        print(f"Not started: {args.candidate} has failed the set {args.set.name}.", file=sys.stderr)
        return code, None
    found = {
        "set_name": args.set.name.encode("ascii", "replace").decode()[:120],
        "set_sha256": hashlib.sha256(args.set.read_bytes()).hexdigest(),
        "lines": report.figures[0].shares[0].asked,
        "passed": True,
        "figures": {each.name: round(each.shares[-1].value, 4) for each in report.figures},
    }
    return code, found


def _baseline(candidate: str) -> str | None:
    """The one other revision that gets callers."""
    answer = ask_admin("GET", "weights")
    if answer is None:
        return None
    served: list[str] = [each["model_revision"] for each in answer["models"]]
    others = [each for each in answer["weights"] or served if each != candidate]
    if len(others) != 1:
        refused("Not exactly one other revision gets callers: say which one with --baseline.")
        return None
    return others[0]


def _with_bounds(args: argparse.Namespace) -> dict[str, Any]:
    return {"by": _by(args.by), "pairs": args.pairs, "seconds": args.seconds}


def _patience(args: argparse.Namespace) -> float:
    return float(args.seconds) + 60


def _by(given: str | None) -> str:
    """Who it is, for the log: `--by`, or the account of this machine."""
    try:
        name = given or os.environ.get("SUDO_USER") or getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        return "unnamed"
    plain = "".join(char if "!" <= char <= "~" else "-" for char in name)
    return plain[:48] or "unnamed"


def _warmed(report: dict[str, Any]) -> str:
    return (
        f"warmed {report['warmed']} of {report['found']} in {report['seconds']:g} s"
        f" (there already {report['there']}, photo not kept {report['no_photo']},"
        f" no longer cached {report['not_cached']}, refused {report['refused']},"
        f" failed {report['failed']}, no time for {report['left']})"
    )


def _show(answer: dict[str, Any], as_json: bool) -> int:
    if as_json:
        print(json.dumps(answer, ensure_ascii=False, indent=2))
        return 0
    canary, figures = answer["canary"], answer["figures"]
    weights = " ".join(f"{name}={share:g}" for name, share in answer["weights"].items())
    if canary is None:
        print(f"There was no canary so far. Weights: {weights or 'none, all alike'}")
        return 0
    print(
        f"{canary['candidate']} beside {canary['baseline']}: {canary['state']}. Weights: {weights}"
    )
    if figures is not None:
        print(_figures(canary, figures))
    for entry in answer["log"]:
        print(f"{entry['at']}  {entry['action']:<12} by {entry['actor']}")
    if not answer["log_available"]:
        print("The database does not answer: this is what was known last.", file=sys.stderr)
    return 0


def _figures(canary: dict[str, Any], figures: dict[str, Any]) -> str:
    rows = []
    for (bad, of, told), sign in zip(SIGNS, ("errors", "slow", "thumbs"), strict=True):
        row: list[object] = [told.format(slow=canary["slow_ms"])]
        for side in ("baseline_figures", "candidate_figures"):
            count, total = figures[side][bad], figures[side][of]
            row.append(f"{count} of {total}" + (f" ({count / total:.1%})" if total else ""))
        rows.append([*row, f"{figures['evidence'][sign]:.3g}"])
    verdict = figures["verdict"] + (f", for {figures['why']}" if figures["why"] else "")
    names = ["", canary["baseline"], canary["candidate"], f"evidence (of {figures['limit']:g})"]
    return f"{table(names, rows)}\nverdict after {figures['seconds']} s: {verdict}"
