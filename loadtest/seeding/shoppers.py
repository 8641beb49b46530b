"""Made-up shoppers and merchants: each of their requests as a row of the behaviour log, some with a
vote. No database here; see `seed_log`."""

import hashlib
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from contract.text.language import language_of
from gateway.log.question import logged_question
from gateway.log.schema.tables import interactions
from gateway.log.texts.not_visible import cannot_see
from loadtest.seeding.words import (
    CLAIMS,
    CLIENTS,
    FAILED,
    PHOTOS,
    PRODUCT_KINDS,
    QUESTIONS,
    REASONS,
    REFUSED,
    REVISIONS,
    ROUTES,
    UNSEEN,
)

Row = dict[str, Any]


def shoppers(seed: int, begin: datetime, per_day: float) -> Iterator[tuple[Row, Row | None]]:
    """Endless interactions in the order of time, each with its vote or None."""
    draw = random.Random(seed)
    now = begin
    sessions: list[tuple[str, str]] = []
    cached: set[tuple[str, str, str]] = set()
    while True:
        # Busy at 20:00 in Shanghai (12:00 UTC), a third of that in the morning.
        busy = 1.5 - abs(now.hour - 12) / 12
        now += timedelta(seconds=draw.expovariate(per_day / 86_400 * busy))
        yield _request(draw, now, sessions, cached)


def _request(
    draw: random.Random,
    now: datetime,
    sessions: list[tuple[str, str]],
    cached: set[tuple[str, str, str]],
) -> tuple[Row, Row | None]:
    tenant = "public" if draw.random() < 0.8 else "boutique"
    public = tenant == "public"
    if public:
        if not sessions or draw.random() < 0.4:
            sessions.append((_hex(draw, 32), draw.choice(CLIENTS[0])))
            del sessions[:-50]
        session, client = draw.choice(sessions[-12:])
        user = None
    else:
        session, client = None, draw.choice(CLIENTS[1])
        user = hashlib.sha256(f"user {draw.randrange(40)}".encode()).hexdigest()[:32]
    at = now.replace(microsecond=now.microsecond // 1000 * 1000)
    photo = PHOTOS[min(int(draw.paretovariate(0.6)) - 1, len(PHOTOS) - 1)]
    shape = int(photo[:8], 16)
    row: Row = dict.fromkeys(interactions.c.keys())
    del row["arrived_at"]
    row |= {
        "interaction_id": _uuid7(draw, at),
        "asked_at": at,
        "kind": "ask",
        "route": ROUTES[draw.random() < 0.3 if public else 0],
        "client": client,
        "tenant": tenant,
        "user_pseudonym": user,
        "session_id": session,
        "request_id": _hex(draw, 32),
        "image_digest": photo,
        "image_format": ("JPEG", "JPEG", "JPEG", "WEBP", "PNG")[shape % 5],
        "image_width": 600 + shape % 7 * 100,
        "image_height": 800 + shape % 5 * 100,
        "image_bytes": 60_000 + shape % 200_000,
        "identify_ms": round(draw.expovariate(0.4), 3),
        "screen_ms": round(draw.expovariate(20), 3),
        "outcome": "answered",
    }
    if public and draw.random() < 0.15:
        row |= {
            "kind": "upload",
            "route": "/v1/images",
            "total_ms": round(8 + 4 * draw.random(), 3),
        }
        return row, None
    _ask(draw, row, cached)
    _how_it_came(row)
    if not public and row["outcome"] == "answered":
        _product(row)
    return row, _thumb(draw, row) if row["outcome"] == "answered" else None


def _ask(draw: random.Random, row: Row, cached: set[tuple[str, str, str]]) -> None:
    question = QUESTIONS[min(int(draw.expovariate(0.2)), len(QUESTIONS) - 1)]
    logged = logged_question(question)
    row |= {
        "question": logged.text,
        "question_hash": logged.hash,
        "intent": logged.intent,
        "language": language_of(question),
    }
    luck = draw.random()
    if luck < 0.02:
        row |= {"outcome": "refused", "error_code": _weighted(draw, REFUSED)}
        row["total_ms"] = round(draw.expovariate(0.2), 3)
        if row["error_code"] == "content_blocked":
            row["moderation"] = "question"
        return
    revision = REVISIONS[int(_hex(draw, 2), 16) < 26 if row["session_id"] else 0]
    first = row["identify_ms"] + row["screen_ms"]
    row["model_revision"] = revision
    row["look_up_ms"] = round(0.4 + draw.expovariate(2), 3)
    first += row["look_up_ms"]
    key = revision, row["image_digest"], logged.hash
    if luck < 0.03:
        row |= {"outcome": "failed", "error_code": _weighted(draw, FAILED)}
        row["total_ms"] = round(first + draw.uniform(50, 5_000), 3)
        return
    text = 0.0
    if key in cached:
        row["cache"] = "hit"
    elif draw.random() < 0.03:
        row["cache"] = "joined"
        row["replica"] = "inference-1:8080"
        row["join_ms"] = round(draw.uniform(20, 400), 3)
        first += row["join_ms"]
        text = 300.0
    else:
        row["cache"] = "miss"
        row["replica"] = f"inference-{draw.randrange(1, 3)}:8080"
        row["upstream_ms"] = round(draw.lognormvariate(5.3, 0.4), 3)
        first += row["upstream_ms"]
        text = draw.lognormvariate(6.2, 0.3) * (1.0 if revision == REVISIONS[0] else 0.7)
        cached.add(key)
    row["first_text_ms"] = round(first, 3)
    row["total_ms"] = round(first + text + 0.3, 3)
    if luck < 0.04 and text:
        row["outcome"] = "cancelled"
        return
    row |= {
        "answer": f"关于「{question}」的回答" if row["language"] == "zh" else f"About: {question}",
        "finish_reason": "stop",
        "prompt_tokens": 300 + _visual_tokens(row),
        "completion_tokens": draw.randrange(20, 60),
        "answer_key": hashlib.sha256(repr(key).encode()).hexdigest(),
    }


def _how_it_came(row: Row) -> None:
    """What a row says of the conversation, and of what a photo cannot show. Its draws are its own,
    as those of products: what else is drawn is the same with them and without."""
    draw = random.Random(f"how {row['interaction_id']}")
    public = row["session_id"] is not None
    suggested = public and draw.random() < 0.4
    row |= {
        "source": "suggested" if suggested else "typed" if public else "api",
        "turns": 1 if suggested else 1 + min(int(draw.expovariate(1.1)), 5),
        "photos": 1 + (draw.random() < 0.04),
        "prompt_version": "2",
    }
    if row["answer"] and row["intent"] in UNSEEN and draw.random() < 0.7:
        row["answer"] = UNSEEN[row["intent"]][row["language"] == "en"]
        row["cannot_see"] = cannot_see(row["answer"], None)
    if row["answer"] and draw.random() < 0.01:  # suspected, and let pass
        row["moderation"] = draw.choice(("question:advert:flag", "answer:abuse:review"))


def _product(row: Row) -> None:
    """Some answers to a merchant are cards and matches."""
    draw = random.Random(row["interaction_id"].int)
    chance = draw.random()
    if chance > 0.15:
        return
    card = chance < 0.1
    claim = draw.choice(CLAIMS)
    kind = PRODUCT_KINDS[int(row["image_digest"][:8], 16) % len(PRODUCT_KINDS)]
    key = REVISIONS[0], row["image_digest"], "card" if card else claim
    row |= {
        "kind": "card" if card else "match",
        "route": "/v1/products/card" if card else "/v1/match",
        "question": None if card else claim,
        "question_hash": None,
        "intent": None,
        "language": "zh" if card else language_of(claim),
        "answer": f'{{"category":"{kind}"}}' if card else "是",
        "finish_reason": "stop" if card else "length",
        "completion_tokens": draw.randrange(90, 140) if card else 1,
        "answer_key": hashlib.sha256(repr(key).encode()).hexdigest(),
        "product_kind": kind if card else None,
        "match_score": None if card else round(draw.random(), 4),
        "turns": 1,
        "photos": 1,
        "prompt_version": "card-1" if card else "match-1",
        "cannot_see": "authenticity,fibre,price,stock" if card else None,
    }


def _visual_tokens(row: Row) -> int:
    """Visual tokens: one for each square of 32 pixels."""
    tokens: int = row["image_width"] * row["image_height"] // 1024
    return tokens


def _thumb(draw: random.Random, row: Row) -> Row | None:
    if row["session_id"] is None or draw.random() > 0.06:
        return None
    up = draw.random() < (0.8 if row["model_revision"] == REVISIONS[0] else 0.65)
    return {
        "interaction_id": row["interaction_id"],
        "vote": "up" if up else "down",
        "reason": None if up else draw.choice(REASONS),
        "created_at": row["asked_at"] + timedelta(seconds=draw.randrange(5, 90)),
        "tenant": row["tenant"],
        "user_pseudonym": None,
        "session_id": row["session_id"],
    }


def _weighted(draw: random.Random, choices: tuple[tuple[str, int], ...]) -> str:
    return draw.choices([name for name, _ in choices], [weight for _, weight in choices])[0]


def _hex(draw: random.Random, digits: int) -> str:
    return f"{draw.getrandbits(4 * digits):0{digits}x}"


def _uuid7(draw: random.Random, at: datetime) -> UUID:
    ms = round(at.timestamp() * 1000)
    bits = ms << 80 | 7 << 76 | draw.getrandbits(12) << 64 | 2 << 62 | draw.getrandbits(62)
    return UUID(int=bits)
