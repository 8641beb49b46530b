"""Photos are looked at in a helper process, with the real models."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
import zxingcpp
from PIL import Image, ImageDraw

from contract.errors import DeadlineExceeded, Overloaded
from contract.images import EncodedImage, check_image
from contract.sandbox.processes import HelperProcesses
from contract.sandbox.spawning import ForkServer
from gateway.identity.keys import hash_key
from gateway.moderation.photos import examiner as examining
from gateway.moderation.photos.examiner import (
    MOST_LARGE_WAITING,
    PhotoExaminer,
)
from gateway.moderation.photos.findings import Findings, looks_like
from gateway.moderation.photos.perceptual_hash import perceptual_hash
from gateway.moderation.photos.policy import PhotoPolicy
from gateway.moderation.text import TextPolicy
from gateway.moderation.verdict import Verdict
from tests.service.usecases.test_answer import Start
from tests.support import ROOT
from tests.support.asking import chat, post, rows
from tests.support.servers import wait_until
from tests.support.stub_replica import StubReplica

SAMPLES = sorted((ROOT / "web" / "samples").glob("*.jpg"))
HANDBAG = ROOT / "web" / "samples" / "brown-leather-handbag.jpg"


@contextmanager
def slowed_looks(
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[tuple[threading.Event, threading.Event]]:
    """Helpers that look at photos wait for the first event, and tell of it by the second. The
    gateway's decoder has others."""
    gate, begun = threading.Event(), threading.Event()
    run = HelperProcesses._run

    async def slowed(self: HelperProcesses, head: dict[str, Any], body: bytes) -> Any:
        if not head:  # a look has none
            begun.set()
            await asyncio.to_thread(gate.wait, 30)
        return await run(self, head, body)

    monkeypatch.setattr(HelperProcesses, "_run", slowed)
    try:
        yield gate, begun
    finally:
        gate.set()


def encoded(picture: Image.Image, **options: object) -> bytes:
    made = BytesIO()
    picture.save(made, "JPEG", **options)
    return made.getvalue()


def children_of(pid: int | None) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def with_code(text: str) -> bytes:
    picture = Image.open(HANDBAG).convert("RGB")
    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode)
    picture.paste(Image.fromarray(zxingcpp.write_barcode_to_image(code, scale=5)), (20, 20))
    return encoded(picture, quality=90)


def with_text(text: str) -> bytes:
    picture = Image.open(HANDBAG).convert("RGB").resize((900, 1100))
    ImageDraw.Draw(picture).rectangle((0, 0, 900, 90), fill="white")
    ImageDraw.Draw(picture).text((20, 20), text, fill="black", font_size=44)
    return encoded(picture, quality=90)


@pytest.mark.parametrize(
    ("says", "moderation"),
    [("https://u.wechat.com/abcDEF", "image:advert"), ("https://www.nike.com/bag", None)],
)
def test_a_code_is_read_like_a_text(
    start_gateway: Start, stub: StubReplica, tmp_path: Path, says: str, moderation: str | None
) -> None:
    gateway = start_gateway(replicas=stub.url, photo_checks=("codes",))
    answer = post(gateway, chat("what is it?", with_code(says)))
    assert answer.status_code == (422 if moderation else 200)
    (row,) = rows(f"sqlite:///{tmp_path / 'log.db'}")
    assert row["moderation"] == moderation


def test_text_in_a_photo_goes_through_the_rules(start_gateway: Start, stub: StubReplica) -> None:
    gateway = start_gateway(replicas=stub.url, photo_checks=("text",), photo_check_timeout_s=60)
    advert, plain = with_text("Add me on WhatsApp for cheap bags"), with_text("Genuine leather")
    assert httpx.post(f"{gateway}/v1/images", content=advert, timeout=60).status_code == 422
    assert httpx.post(f"{gateway}/v1/images", content=plain, timeout=60).status_code == 201


async def test_a_small_code_in_a_larger_photo_is_read() -> None:
    """At 1600 x 1200 a photo is larger than the model sees it: three pixels a module, and two."""
    picture = Image.open(HANDBAG).convert("RGB").resize((1600, 1200))
    code = zxingcpp.create_barcode("https://u.wechat.com/abcDEF", zxingcpp.BarcodeFormat.QRCode)
    drawn = Image.fromarray(zxingcpp.write_barcode_to_image(code, scale=8))
    picture.paste(drawn.resize((64, 64), Image.Resampling.BICUBIC), (30, 40))
    examiner = PhotoExaminer(("codes",), 60)
    try:
        found = await examiner.examine(encoded(picture, quality=50))
    finally:
        examiner.close()
    assert found.codes == ("https://u.wechat.com/abcDEF",)


async def test_no_picture_of_ours_is_taken_for_a_nude() -> None:
    examiner = PhotoExaminer(("nsfw", "codes"), 60)
    try:
        found = [await examiner.examine(path.read_bytes()) for path in SAMPLES]
    finally:
        examiner.close()
    assert len(found) > 10
    assert max(each.nsfw for each in found) < 0.1
    assert not any(each.codes for each in found)


async def test_a_process_that_is_killed_is_started_again() -> None:
    examiner = PhotoExaminer(("codes",), 60)
    try:
        await examiner.examine(HANDBAG.read_bytes())
        (helper,) = children_of(examiner.process_id)
        os.kill(helper, signal.SIGSTOP)
        looking = asyncio.create_task(examiner.examine(HANDBAG.read_bytes()))
        await asyncio.sleep(0.1)
        os.kill(helper, signal.SIGKILL)
        assert not (await looking).codes
        assert (await examiner.examine(with_code("again"))).codes == ("again",)
    finally:
        examiner.close()


async def test_large_photos_wait_apart_from_others_and_few_of_them() -> None:
    large = encoded(Image.new("RGB", (5000, 4000)))
    examiner = PhotoExaminer(("codes",), 60)
    try:
        await examiner.examine(large)
        (helper,) = children_of(examiner.process_id)
        os.kill(helper, signal.SIGSTOP)
        waiting = [
            asyncio.create_task(examiner.examine(large)) for _ in range(MOST_LARGE_WAITING + 1)
        ]
        await asyncio.sleep(0.1)
        with pytest.raises(Overloaded):
            await asyncio.wait_for(examiner.examine(large), 1)
        assert (await examiner.examine(with_code("a small one"))).codes == ("a small one",)
        assert not any(each.done() for each in waiting)
        os.kill(helper, signal.SIGCONT)
        assert await asyncio.gather(*waiting) == [Findings(hash=0)] * len(waiting)
    finally:
        examiner.close()


@pytest.mark.parametrize(("policy", "status"), [("allow", 200), ("refuse", 503)])
def test_what_becomes_of_photos_while_no_process_starts_is_a_setting(
    start_gateway: Start,
    stub: StubReplica,
    monkeypatch: pytest.MonkeyPatch,
    policy: str,
    status: int,
) -> None:
    monkeypatch.setattr(examining, "ForkServer", lambda *given: ForkServer("no.such.module"))
    gateway = start_gateway(replicas=stub.url, photo_checks=("codes",), photo_check_down=policy)
    assert post(gateway, chat("what is it?", HANDBAG.read_bytes())).status_code == status


@pytest.mark.parametrize("stream", [False, True])
def test_a_photo_that_is_too_costly_to_look_at_is_refused(
    start_gateway: Start, stub: StubReplica, stream: bool
) -> None:
    """By default photos pass while nothing can look at them. This is not that."""
    gateway = start_gateway(replicas=stub.url, photo_checks=("codes",), photo_check_timeout_s=1e-4)
    body = chat("what is it?", HANDBAG.read_bytes(), stream=stream)
    for _ in range(2):  # nothing was kept
        answer = post(gateway, body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "image_too_complex")
    upload = httpx.post(f"{gateway}/v1/images", content=HANDBAG.read_bytes())
    assert upload.status_code == 422


def test_a_photo_that_finds_too_many_waiting_does_not_pass(
    start_gateway: Start, stub: StubReplica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examining, "MOST_WAITING", 0)
    with slowed_looks(monkeypatch) as (gate, begun):
        gateway = start_gateway(replicas=stub.url, photo_checks=("codes",), photo_check_helpers=1)
        bodies = [chat("what is it?", path.read_bytes()) for path in SAMPLES[:2]]
        with ThreadPoolExecutor() as threads:
            first = threads.submit(post, gateway, bodies[0])
            wait_until("the first look", begun.is_set)
            refused = post(gateway, bodies[1])
            gate.set()
            assert first.result().status_code == 200
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "overloaded")
    assert int(refused.headers["retry-after"]) >= 1
    assert post(gateway, bodies[1]).headers["x-cache"] == "miss"


async def test_a_rush_of_new_photos_waits_and_is_looked_at_whole() -> None:
    examiner = PhotoExaminer(("codes",), 60)
    try:
        await examiner.examine(HANDBAG.read_bytes())
        (helper,) = children_of(examiner.process_id)
        os.kill(helper, signal.SIGSTOP)
        photo = encoded(Image.new("RGB", (64, 64)))
        rush = [asyncio.create_task(examiner.examine(photo)) for _ in range(100)]
        await asyncio.sleep(0.1)
        assert not any(each.done() for each in rush)
        os.kill(helper, signal.SIGCONT)
        assert await asyncio.gather(*rush) == [Findings(hash=0)] * 100
    finally:
        examiner.close()


async def test_photos_that_wait_have_so_many_bytes_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    photo = HANDBAG.read_bytes()
    monkeypatch.setattr(examining, "MOST_WAITING_BYTES", 2 * len(photo))
    examiner = PhotoExaminer(("codes",), 60)
    try:
        await examiner.examine(photo)
        (helper,) = children_of(examiner.process_id)
        os.kill(helper, signal.SIGSTOP)
        waiting = [asyncio.create_task(examiner.examine(photo)) for _ in range(3)]
        await asyncio.sleep(0.1)
        with pytest.raises(Overloaded):
            await asyncio.wait_for(examiner.examine(photo), 1)
        os.kill(helper, signal.SIGCONT)
        assert len(await asyncio.gather(*waiting)) == 3
    finally:
        examiner.close()


def test_a_listed_picture_is_known_again_scaled_and_compressed(
    start_gateway: Start, stub: StubReplica
) -> None:
    pixels = check_image(EncodedImage(HANDBAG.read_bytes())).pixels
    listed = f"{perceptual_hash(pixels):016x}"
    gateway = start_gateway(
        replicas=stub.url, photo_checks=("codes",), blocked_photo_hashes=(listed,)
    )
    copy = encoded(pixels.resize((300, 380)), quality=40)
    assert post(gateway, chat("what is it?", copy)).status_code == 422
    hashes = [perceptual_hash(Image.open(path)) for path in SAMPLES if path != HANDBAG]
    assert not any(looks_like(each, frozenset([int(listed, 16)])) for each in hashes)


ADVERT = Findings(codes=("https://u.wechat.com/abcDEF",))


class Look:
    """A look at photos that ends when the test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun: list[bytes] = []
        self.findings = Findings()
        self.may_end = threading.Event()

        async def examine(examiner: PhotoExaminer, photo: bytes) -> Findings:
            self.begun.append(photo)
            await asyncio.to_thread(self.may_end.wait, 30)
            return self.findings

        monkeypatch.setattr(PhotoExaminer, "examine", examine)


@pytest.fixture
def look(monkeypatch: pytest.MonkeyPatch) -> Look:
    return Look(monkeypatch)


@pytest.fixture
def gateway(start_gateway: Start, stub: StubReplica, look: Look) -> str:
    return start_gateway(replicas=stub.url, photo_checks=("codes",))


@pytest.mark.parametrize("stream", [False, True])
def test_the_model_is_at_work_while_a_photo_is_looked_at_and_nothing_leaves_before(
    gateway: str, stub: StubReplica, look: Look, stream: bool
) -> None:
    body = chat("what is it?", HANDBAG.read_bytes(), stream=stream)
    with ThreadPoolExecutor() as threads:
        asked = [threads.submit(post, gateway, body) for _ in range(3)]
        wait_until("the model at work", lambda: stub.calls and look.begun)
        assert not any(each.done() for each in asked)
        look.may_end.set()
        assert [each.result().status_code for each in asked] == [200] * 3
    assert post(gateway, body).headers["x-cache"] == "hit"
    assert len(stub.calls) == len(look.begun) == 1


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_about_a_photo_that_is_then_refused_is_neither_sent_nor_kept(
    gateway: str, stub: StubReplica, look: Look, tmp_path: Path, stream: bool
) -> None:
    look.findings = ADVERT
    body = chat("what is it?", HANDBAG.read_bytes(), stream=stream)
    with ThreadPoolExecutor() as threads:
        asked = [threads.submit(post, gateway, body) for _ in range(2)]
        wait_until("the model at work", lambda: stub.calls and look.begun)
        look.may_end.set()
        answers = [each.result() for each in asked]
    answers.append(post(gateway, body))  # by now it is known
    assert [answer.status_code for answer in answers] == [422] * 3
    assert len(stub.calls) == 1
    logged = rows(f"sqlite:///{tmp_path / 'log.db'}")
    assert {(row["cache"], row["moderation"]) for row in logged} == {(None, "image:advert")}


def test_whether_another_tenant_has_sent_a_photo_saves_no_look(
    start_gateway: Start, stub: StubReplica, look: Look
) -> None:
    keys = "\n".join(f"{shop} {hash_key(shop)}" for shop in ("one", "two"))
    gateway = start_gateway(replicas=stub.url, photo_checks=("codes",), api_keys=keys)
    look.may_end.set()
    body = chat("what is it?", HANDBAG.read_bytes())
    for shop in ("one", "two", "one", "two"):
        assert post(gateway, body, authorization=f"Bearer {shop}").status_code == 200
    assert len(look.begun) == len(stub.calls) == 2


def test_who_leaves_takes_neither_the_look_nor_the_answer_from_others(
    gateway: str, stub: StubReplica, look: Look
) -> None:
    body = chat("what is it?", HANDBAG.read_bytes())

    def leave() -> None:
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{gateway}/v1/chat/completions", json=body, timeout=1)

    with ThreadPoolExecutor() as threads:
        leaving = threads.submit(leave)
        wait_until("the model at work", lambda: stub.calls)
        staying = threads.submit(post, gateway, body)
        leaving.result()
        look.may_end.set()
        assert staying.result().status_code == 200
    assert len(look.begun) == len(stub.calls) == 1


async def test_who_waits_for_a_look_past_the_deadline_gets_no_pass(look: Look) -> None:
    policy = PhotoPolicy(frozenset(), examiner=PhotoExaminer(("codes",), 60))

    async def photo() -> EncodedImage:
        return EncodedImage(HANDBAG.read_bytes())

    try:
        soon = time.monotonic() + 0.05
        with pytest.raises(DeadlineExceeded):
            await policy.judge("digest", photo, TextPolicy.load(), "shop", soon)
        look.may_end.set()
        assert await policy.judge("digest", photo, TextPolicy.load(), "shop") == Verdict(
            scores=(("sexual", 0.0),)
        )
        assert len(look.begun) == 1
    finally:
        policy.close()
