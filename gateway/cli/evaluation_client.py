"""How `shopsight evaluate` asks: each line of a set at each revision, a few at a time, past the
answer cache."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any

import httpx

from contract.forms import MODEL_ALIAS
from gateway.cli.ask import refusal
from gateway.cli.catalogue import CARD, CHAT
from gateway.cli.patient_client import GivenUp, PatientClient
from gateway.evaluation.answers import ModelAnswer, NoAnswer
from gateway.evaluation.kept import KeptAnswers, key_of
from gateway.evaluation.lines import QuestionSet, SetLine
from gateway.evaluation.photos import SetPhoto, photos_of

MATCH = "/v1/match"
# Computed for this request alone: the answer cache would answer for a model, and learn from it.
HEADERS = {"cache-control": "no-store"}
# These have come to an end, and say something of the model or of the line.
ENDED = (422, 502, 504)
# A model that breaks off once may have been killed. Three times, it is its answer.
TRIES = 3
# What 502 and 504 say of a replica; another code is nginx's, without a gateway behind it.
FAILED_REPLICA = ("replica_failed", "deadline_exceeded")
OF_THE_MODEL = (*FAILED_REPLICA, "content_blocked")


@dataclass(frozen=True)
class Side:
    """One revision at one place. `place` is part of the kept answers' keys."""

    client: PatientClient
    place: str
    revision: str


def open_side(url: str, key: str, revision: str, place: str | None = None) -> Side:
    """`revision`: the beginning of its name is enough, and the alias is whichever answers. Raises
    GivenUp."""
    client = PatientClient(url, key, busy=(409, 429, 503))
    try:
        path = "/v1/models" if revision != MODEL_ALIAS else f"/v1/models/{MODEL_ALIAS}"
        told = client.http.get(path)  # without patience: perhaps nothing was ever there
        if told.status_code != 200:
            raise GivenUp(refusal(told), told.status_code)
        listed = told.json()
        served = [each["model_revision"] for each in listed.get("data", [listed])]
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise GivenUp(f"{url}: {error}") from None
    except (ValueError, LookupError, TypeError, AttributeError):
        raise GivenUp(f"{url} answers not as Shopsight does.") from None
    found = [each for each in served if revision in (each, MODEL_ALIAS)]
    found = found or [each for each in served if each.startswith(revision)]
    if len(found) != 1:
        there = ", ".join(sorted(served)) or "none"
        raise GivenUp(f"{url} has no single revision {revision!r}. There are: {there}.")
    return Side(client, place or url, found[0])


def ask_all(
    asked: QuestionSet,
    sides: Sequence[Side],
    kept: KeptAnswers,
    at_once: int,
    show: Callable[[int], None],
) -> None:
    """Until `kept` has every answer. Revisions take turns in being first, so that neither finds the
    machine warmer. Raises GivenUp and OSError. What was answered until then is kept."""
    pending = list(_pending(asked, sides, kept))
    with ThreadPoolExecutor(at_once) as threads:
        futures: dict[Future[ModelAnswer], str] = {
            threads.submit(_answered, side, line, photos): key
            for key, side, line, photos in pending
        }
        try:
            for done, future in enumerate(as_completed(futures), 1):
                kept.add(futures[future], future.result())
                show(done)
        finally:
            for future in futures:
                future.cancel()
            for side in sides:  # who waits for a busy server waits no longer
                side.client.stop()


def pending_count(asked: QuestionSet, sides: Sequence[Side], kept: KeptAnswers) -> int:
    return sum(1 for _ in _pending(asked, sides, kept))


Pending = tuple[str, Side, SetLine, tuple[SetPhoto, ...]]


def _pending(asked: QuestionSet, sides: Sequence[Side], kept: KeptAnswers) -> Iterator[Pending]:
    begun = set()
    for number, line in enumerate(asked.lines):
        photos = photos_of(line, asked.file.parent)
        for side in sides if number % 2 == 0 else reversed(sides):
            key = key_of(line, photos, side.place, side.revision)
            if kept.get(key) is None and key not in begun:
                begun.add(key)
                yield key, side, line, photos


def answers_of(
    asked: QuestionSet, sides: Sequence[Side], kept: KeptAnswers
) -> Iterator[tuple[SetLine, list[ModelAnswer]]]:
    """What `ask_all` has left in `kept`."""
    for line in asked.lines:
        photos = photos_of(line, asked.file.parent)
        keys = [key_of(line, photos, side.place, side.revision) for side in sides]
        yield line, [answer for key in keys if (answer := kept.get(key)) is not None]


def check_answered(answers: Iterable[ModelAnswer]) -> None:
    """Raises GivenUp where replicas have failed at every line: two revisions without an answer are
    alike, and nothing is known of either."""
    errors = {answer.error for answer in answers}
    if errors <= set(FAILED_REPLICA):
        told = ", ".join(sorted(filter(None, errors)))
        raise GivenUp(f"No line was answered ({told}). --anew asks again.")


def _answered(side: Side, line: SetLine, photos: tuple[SetPhoto, ...]) -> ModelAnswer:
    path, body = _request(line, [photo.sent() for photo in photos], side.revision)
    for _ in range(TRIES):
        try:
            answer = side.client.send("POST", path, ENDED, json=body, headers=HEADERS)
        except GivenUp as error:
            raise GivenUp(f"{line.id}: {error}", error.status, waits=error.waits) from None
        if answer.status_code not in (502, 504):
            break
    seconds = round(answer.elapsed.total_seconds(), 4)
    try:
        if answer.is_success:
            _check_revision(side, answer)
            return ModelAnswer.read(line.task, answer.json(), seconds)
        code = answer.json()["error"]["code"]
    except (NoAnswer, ValueError, LookupError, TypeError):
        raise GivenUp(f"{line.id}: {side.place} answers not as Shopsight does.") from None
    if code not in OF_THE_MODEL:
        raise GivenUp(f"{line.id}: {code}", answer.status_code)
    return ModelAnswer(error=code, seconds=seconds)


def _check_revision(side: Side, answer: httpx.Response) -> None:
    told = answer.headers.get("x-model-revision", side.revision)
    if told != side.revision:
        raise GivenUp(f"{side.place}: {side.revision} was asked, {told} has answered.")


def _request(line: SetLine, photos: list[str], revision: str) -> tuple[str, dict[str, Any]]:
    if line.task == "ask":
        parts: list[dict[str, Any]] = [
            {"type": "image_url", "image_url": {"url": photo}} for photo in photos
        ]
        parts.append({"type": "text", "text": line.question})
        return CHAT, {"model": revision, "messages": [{"role": "user", "content": parts}]}
    (photo,) = photos
    body = {"model": revision, "image_id" if photo.startswith("img_") else "image": photo}
    if line.language is not None:
        body["language"] = line.language
    if line.task == "match":
        return MATCH, {**body, "text": line.text}
    return CARD, body
