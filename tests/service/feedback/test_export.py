"""Voted questions and answers as examples to learn from."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from sqlalchemy import Engine, update

from contract.images import EncodedImage, check_image
from gateway.cli.export import coverage_lines
from gateway.evaluation.lines import read_set
from gateway.evaluation.photos import check_photos
from gateway.feedback.examples import Examples, inline
from gateway.identity.callers import hash_key
from gateway.images.store import PhotoStore
from gateway.log.schema.tables import images, interactions
from tests.support.asking import chat, photo
from tests.support.command_line import shopsight
from tests.support.pictures import encoded, picture
from tests.support.servers import wait_until
from tests.support.stub_replica import StubReplica
from tests.support.voting import Shopper, thumbs

Start = Callable[..., str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "images"


@pytest.fixture
def gateway(database_url: str, start_gateway: Start, stub: StubReplica, folder: Path) -> str:
    return start_gateway(replicas=stub.url, database_url=database_url, image_dir=folder)


def upload(shopper: Shopper, data: bytes, **parameters: str) -> dict[str, Any]:
    answer = shopper.client.post("/v1/images", content=data, params=parameters)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


def about(name: str, question: str = "what?") -> dict[str, Any]:
    return {"image_id": name, "prompt": question}


def voted(
    shopper: Shopper, body: dict[str, Any], vote: str = "up", **fields: Any
) -> httpx.Response:
    return shopper.ask_and_vote(body, vote, **fields)


def counted(engine: Engine, votes: int) -> None:
    wait_until("counted", lambda: len(thumbs(engine)) == votes)


def exported(engine: Engine, folder: Path, **wanted: Any) -> tuple[list[dict[str, Any]], list[str]]:
    """The examples and what is told of the rest."""
    examples = Examples(engine, PhotoStore.in_folder(folder), inline)
    found = list(examples.read(wanted.get("tenant"), wanted.get("since")))
    return found, coverage_lines(examples.coverage)


def picture_in(example: dict[str, Any]) -> Image.Image:
    uri = example["messages"][0]["content"][0]["image_url"]["url"]
    assert uri.startswith("data:image/jpeg;base64,")
    return Image.open(BytesIO(base64.b64decode(uri.split(",")[1])))


def test_an_example_has_the_form_of_chat_fine_tuning(
    gateway: str, engine: Engine, folder: Path
) -> None:
    shopper = Shopper(gateway)
    name = upload(shopper, photo(), consent="improve")["id"]
    answer = voted(shopper, about(name, "我的电话 13812345678,是真皮吗?"), "down", reason="不对")
    counted(engine, 1)
    (example,), _ = exported(engine, folder)
    asked, answered = example["messages"]
    assert [part["type"] for part in asked["content"]] == ["image_url", "text"]
    assert (asked["role"], asked["content"][1]["text"]) == ("user", "我的电话 [phone],是真皮吗?")
    assert answered == {"role": "assistant", "content": "关于「我的电话[phone],是真皮吗？」:好"}
    assert (example["vote"], example["reason"]) == ("down", "不对")
    assert (example["model_revision"], example["photo"]) == ("stub-1", "attached")
    assert example["interaction_id"] == answer.headers["x-interaction-id"]
    assert picture_in(example).size == (64, 48)


def test_a_photo_is_there_only_with_consent_and_while_it_is_kept(
    gateway: str, engine: Engine, folder: Path
) -> None:
    willing, unwilling, changed = Shopper(gateway), Shopper(gateway), Shopper(gateway)
    names = [
        upload(willing, photo(1), consent="improve")["id"],
        upload(unwilling, photo(1))["id"],
        upload(changed, photo(1), consent="improve")["id"],
        upload(willing, photo(2), consent="improve")["id"],
        upload(willing, photo(3), consent="improve")["id"],
        upload(willing, photo(4), consent="improve")["id"],
    ]
    upload(changed, photo(1))  # the same photo, this time without
    bodies = [about(name) for name in names] + [chat("what?", photo(5)), chat("hello")]
    for who, body in zip([willing, unwilling, changed] + [willing] * 5, bodies, strict=True):
        voted(who, body)
    counted(engine, 8)
    _path(folder, names[3]).unlink()
    _path(folder, names[4]).write_bytes(photo(1))  # another photo
    with engine.begin() as connection:
        digest = check_image(EncodedImage(photo(4))).facts.digest
        gone = update(images).where(images.c.image_digest == digest)
        connection.execute(gone.values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    examples, said = exported(engine, folder)
    assert [example["photo"] for example in examples] == [
        "attached",
        "no consent",
        "no consent",
        "not in the store",
        "damaged",
        "not in the store",
        "not in the store",
        "none asked about",
    ]
    for example in examples[1:]:
        assert [part["type"] for part in example["messages"][0]["content"]] == ["text"]
    assert said == [
        "8 voted, 8 exported",
        "  photo: attached: 1",
        "  photo: damaged: 1",
        "  photo: no consent: 2",
        "  photo: none asked about: 1",
        "  photo: not in the store: 3",
    ]


def _path(folder: Path, name: str) -> Path:
    key = name.removeprefix("img_")
    return folder / key[-2:] / key


def test_nothing_of_a_photos_file_goes_out_but_its_pixels(
    gateway: str, engine: Engine, folder: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned
    exif[0x010E] = "at home"
    exif.get_ifd(0x8825)[1] = "N"
    data = encoded(picture(), "JPEG", exif=exif)
    assert b"at home" in data
    shopper = Shopper(gateway)
    voted(shopper, about(upload(shopper, data, consent="improve")["id"]))
    counted(engine, 1)
    (example,), _ = exported(engine, folder)
    found = picture_in(example)
    assert found.size == (48, 64)
    assert not found.getexif()
    uri = example["messages"][0]["content"][0]["image_url"]["url"]
    assert b"at home" not in base64.b64decode(uri.split(",")[1])


def test_what_was_erased_or_withheld_is_left_out_and_told(
    gateway: str, stub: StubReplica, engine: Engine, folder: Path
) -> None:
    shopper = Shopper(gateway)
    answers = [voted(shopper, chat(f"what {n}?")) for n in range(4)]
    counted(engine, 4)
    changes = [{"answer": None}, {"question": None}, {"finish_reason": "content_filter"}]
    with engine.begin() as connection:
        for answer, change in zip(answers, changes, strict=False):
            row = interactions.c.request_id == answer.headers["x-request-id"]
            connection.execute(update(interactions).where(row).values(**change))
    examples, said = exported(engine, folder)
    assert [example["messages"][0]["content"][0]["text"] for example in examples] == ["what 3?"]
    assert said == [
        "4 voted, 1 exported",
        "  photo: none asked about: 1",
        "left out: text no longer kept: 2",
        "left out: withheld by the content rules: 1",
    ]


def test_whoever_is_erased_is_in_no_export(
    database_url: str, start_gateway: Start, stub: StubReplica, engine: Engine, folder: Path
) -> None:
    gateway = start_gateway(
        replicas=stub.url,
        database_url=database_url,
        image_dir=folder,
        api_keys="shop-a " + hash_key("key-a"),
    )
    shop = Shopper(gateway, "key-a")
    for user in ("u-1", "u-2"):
        voted(shop, {**chat(f"of {user}?"), "user": user}, reason=f"by {user}", user=user)
    counted(engine, 2)
    erased = shop.client.delete("/v1/users/u-1/data")
    assert erased.status_code == 200, erased.text
    (example,), said = exported(engine, folder)
    assert "u-1" not in json.dumps(example)
    assert (example["reason"], said[0]) == ("by u-2", "1 voted, 1 exported")


def test_older_text_is_masked_by_the_rules_of_today(
    gateway: str, engine: Engine, folder: Path
) -> None:
    voted(Shopper(gateway), chat("hello"))
    counted(engine, 1)
    with engine.begin() as connection:
        connection.execute(update(interactions).values(question="a@b.com", answer="13812345678"))
    (example,), _ = exported(engine, folder)
    assert "a@b.com" not in json.dumps(example)
    assert "13812345678" not in json.dumps(example)


@pytest.mark.parametrize("rows", [1, 2])
def test_pages_of_an_export_join_without_a_gap(
    gateway: str, engine: Engine, folder: Path, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.feedback.examples.PAGE_ROWS", rows)
    shopper = Shopper(gateway)
    answers = [voted(shopper, chat(f"what {n}?")) for n in range(4)]
    counted(engine, 4)
    found = [example["interaction_id"] for example in exported(engine, folder)[0]]
    assert found == [answer.headers["x-interaction-id"] for answer in answers]


def test_tenant_and_time_narrow_it_down(gateway: str, engine: Engine, folder: Path) -> None:
    voted(Shopper(gateway), chat("hello"))
    counted(engine, 1)
    now = datetime.now(UTC)
    assert len(exported(engine, folder, tenant="public")[0]) == 1
    assert exported(engine, folder, tenant="shop-a") == ([], ["0 voted, 0 exported"])
    assert exported(engine, folder, since=now + timedelta(hours=1))[0] == []
    assert len(exported(engine, folder, since=now - timedelta(hours=1))[0]) == 1


@pytest.fixture
def command(database_url: str, folder: Path) -> Callable[..., Any]:
    return partial(shopsight, "export", DATABASE_URL=database_url, IMAGE_DIR=str(folder))


def test_the_command_writes_lines_and_photos_and_tells_the_coverage_apart(
    gateway: str, engine: Engine, command: Callable[..., Any], tmp_path: Path
) -> None:
    shopper = Shopper(gateway)
    name = upload(shopper, photo(), consent="improve")["id"]
    voted(shopper, about(name))
    voted(shopper, about(name, "and?"))
    counted(engine, 2)
    piped = command("--format", "jsonl")
    assert piped.returncode == 0, piped.stderr
    assert len([json.loads(line) for line in piped.stdout.splitlines()]) == 2
    assert piped.stderr.splitlines() == ["2 voted, 2 exported", "  photo: attached: 2"]

    out = tmp_path / "out" / "examples.jsonl"
    out.parent.mkdir()
    kept = command("--out", str(out), "--photos", str(tmp_path / "photos"))
    assert (kept.returncode, kept.stdout) == (0, ""), kept.stderr
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    urls = {line["messages"][0]["content"][0]["image_url"]["url"] for line in lines}
    (url,) = urls  # one file for both
    assert not Path(url).is_absolute()
    assert Image.open(out.parent / url).size == (64, 48)
    assert [path.name for path in out.parent.iterdir()] == ["examples.jsonl"]


def test_an_export_that_fails_leaves_the_last_one_as_it_was(tmp_path: Path) -> None:
    out = tmp_path / "examples.jsonl"
    out.write_text("the last one")
    empty = f"sqlite:///{tmp_path / 'empty.db'}"
    failed = shopsight("export", "--out", str(out), DATABASE_URL=empty)
    assert failed.returncode == 1
    assert "does not answer" in failed.stderr
    assert out.read_text() == "the last one"
    assert not list(tmp_path.glob("*.part"))


def test_consent_is_a_parameter_or_a_field_and_one_word(gateway: str) -> None:
    client = Shopper(gateway).client
    files = {"photo": ("a.jpg", photo(), "image/jpeg")}
    given = [
        client.post("/v1/images?consent=improve", content=photo()),
        client.post("/v1/images", files=files, data={"consent": "improve"}),
        client.post("/v1/images", content=photo()),
        client.post("/v1/images", files=files),
        client.post("/v1/images?consent=", content=photo()),  # a choice that was not made
    ]
    assert [answer.json()["consent"] for answer in given] == ["improve"] * 2 + [None] * 3
    refused = [
        client.post("/v1/images?consent=yes", content=photo()),
        client.post("/v1/images", files=files, data={"consent": "sell"}),
    ]
    assert [answer.json()["error"]["param"] for answer in refused] == ["consent"] * 2


def test_voted_answers_become_a_set_to_evaluate_with(
    gateway: str, database_url: str, engine: Engine, folder: Path, tmp_path: Path
) -> None:
    willing, unwilling = Shopper(gateway), Shopper(gateway)
    good = upload(willing, photo(1), consent="improve")["id"]
    voted(willing, about(good, "我的电话 13812345678,是真皮吗?"))
    voted(willing, about(good, "what colour?"), "down", reason="it is not")
    voted(unwilling, about(upload(unwilling, photo(2))["id"]))
    counted(engine, 3)
    out = tmp_path / "sets" / "shop.jsonl"
    out.parent.mkdir()
    done = shopsight(
        *("export", "--format", "set", "--out", str(out), "--photos", str(out.parent / "photos")),
        DATABASE_URL=database_url,
        IMAGE_DIR=str(folder),
    )
    assert done.returncode == 0, done.stderr
    assert "left out: photo: no consent: 1" in done.stderr
    assert "2 lines in the set" in done.stderr
    found = read_set(out)
    check_photos(found)
    liked, disliked = found.lines
    assert liked.question == "我的电话 [phone],是真皮吗?"
    assert "[phone]" in (liked.expected.like or "")
    assert disliked.expected.unlike is not None
    assert len(list((out.parent / "photos").iterdir())) == 1
