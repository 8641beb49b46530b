"""`shopsight batch`: has a whole catalogue answered overnight. What was begun goes on at the
server, and the same command goes on with it."""

import argparse
import json
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx

from gateway.cli.ask import refusal
from gateway.cli.catalogue import (
    CARD,
    Item,
    answer_of,
    parts_of,
    read_catalogue,
    write_csv,
)
from gateway.cli.progress import Progress

# Of one uploaded file: the server takes 200 MB and 50,000 lines.
PART_BYTES, PART_LINES = 150_000_000, 20_000
POLL_S = 2.0
# A server that restarts, or a network that is away: so long nothing is given up.
PATIENCE_S = 600.0
TRIES_PAUSE_S = 5.0
ENDED = ("completed", "failed", "expired", "cancelled")
# Asked of a photo where the server makes no cards, and the catalogue has no question.
USUAL_QUESTION = "这是什么商品？请说明材质、颜色、风格和适合的人群。"
NEEDS_KEY = (
    "A batch needs an API key with the scope `batch`, which is given by name only:\n"
    "  shopsight keys create TENANT --scopes ask,upload,card,match,batch\n"
    "Give it with --key or in SHOPSIGHT_API_KEY."
)
LATER = "It goes on at the server. The same command shows how far it is and fetches the answers."


@dataclass
class Part:
    """A batch that was made of some rows."""

    batch_id: str
    ids: list[str]
    ended: bool = False


@dataclass
class State:
    """What a run leaves for the next one, in a file beside the catalogue."""

    file: Path
    url: str
    parts: list[Part] = field(default_factory=list)

    @classmethod
    def load(cls, file: Path, url: str) -> "State":
        try:
            saved: dict[str, Any] = json.loads(file.read_text())
            if saved["url"] == url:
                return cls(file, url, [Part(**part) for part in saved["parts"]])
        except (OSError, ValueError, LookupError, TypeError):
            pass
        return cls(file, url)

    def save(self) -> None:
        half = self.file.with_suffix(".part")
        saved = {"url": self.url, "parts": [asdict(part) for part in self.parts]}
        half.write_text(json.dumps(saved))
        half.replace(self.file)


class Server:
    """The batch lane by HTTP. Raises SystemExit with what the server says when it refuses."""

    def __init__(self, url: str, key: str) -> None:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        self._client = httpx.Client(
            base_url=url,
            headers=headers,
            timeout=httpx.Timeout(30, write=600, read=120),
            trust_env=False,
            verify=url.startswith("https"),
        )

    def makes_cards(self) -> bool:
        """An address that takes another method is 405, and one that is not there 404."""
        return self._send("GET", CARD, {404, 405}).status_code == 405

    def upload(self, file: Path) -> str:
        def send() -> httpx.Response:
            with file.open("rb") as data:
                form = {"file": (file.name, data)}
                return self._client.post("/v1/files", data={"purpose": "batch"}, files=form)

        return str(self._patiently(send, set()).json()["id"])

    def create(self, file_id: str, endpoint: str) -> str:
        asked = {"input_file_id": file_id, "endpoint": endpoint, "completion_window": "24h"}
        # The key is the file's: a request whose answer was lost makes no second batch of it.
        headers = {"idempotency-key": file_id}
        made = self._send("POST", "/v1/batches", set(), json=asked, headers=headers)
        return str(made.json()["id"])

    def batch(self, name: str) -> dict[str, Any] | None:
        """None where the server does not know it any more."""
        answer = self._send("GET", f"/v1/batches/{name}", {404})
        found: dict[str, Any] = answer.json()
        return found if answer.status_code == 200 else None

    def lines(self, file_id: str | None) -> list[dict[str, Any]]:
        if file_id is None:
            return []
        answer = self._send("GET", f"/v1/files/{file_id}/content", {404})
        text = answer.text if answer.status_code == 200 else ""
        return [json.loads(line) for line in text.splitlines() if line.strip()]

    def _send(self, method: str, path: str, expected: set[int], **what: Any) -> httpx.Response:
        return self._patiently(lambda: self._client.request(method, path, **what), expected)

    def _patiently(self, send: Any, expected: set[int]) -> httpx.Response:
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                answer: httpx.Response = send()
            except httpx.TransportError as error:
                if time.monotonic() > until:
                    raise SystemExit(f"{self._client.base_url}: {error}\n{LATER}") from None
                time.sleep(TRIES_PAUSE_S)
                continue
            if answer.is_success or answer.status_code in expected:
                return answer
            if answer.status_code in (401, 403):
                raise SystemExit(f"{refusal(answer)}\n{NEEDS_KEY}")
            waits = answer.status_code in (409, 429, 502, 503)
            if not waits or answer.headers.get("x-should-retry") == "false":
                raise SystemExit(refusal(answer))
            if time.monotonic() > until:
                raise SystemExit(f"{refusal(answer)}\n{LATER}")
            time.sleep(float(answer.headers.get("retry-after") or TRIES_PAUSE_S))


def run(args: argparse.Namespace) -> int:
    """0: every row is answered, 1: some are not, 2: the command itself is wrong, 130: stopped."""
    for path, is_there in ((args.catalogue, Path.is_file), (args.photos, Path.is_dir)):
        if not is_there(path):
            print(f"There is no {path}.", file=sys.stderr)
            return 2
    server = Server(args.url, args.key.strip())
    out: Path = args.out or args.catalogue.with_suffix(".answers.csv")
    question = args.question or ("" if server.makes_cards() else USUAL_QUESTION)
    columns, items = read_catalogue(args.catalogue, args.photos, question)
    state = State.load(args.catalogue.with_suffix(".batch.json"), args.url)
    answers = _Answers(out.with_suffix(".jsonl"), items)
    try:
        _send_new(server, state, items, answers)
        _wait(server, state, answers, len(items))
    except KeyboardInterrupt:
        print(f"\n{LATER}", file=sys.stderr)
        return 130
    write_csv(out, columns, items, answers.told)
    left = [item for item in items if not answers.answered(item.id)]
    print(f"{out}: {len(items) - len(left)} of {len(items)} rows are answered.", file=sys.stderr)
    if left:
        print("The same command asks the others again.", file=sys.stderr)
    return 1 if left else 0


class _Answers:
    """What came of rows, by their ids, in a file of a line each."""

    def __init__(self, file: Path, items: list[Item]) -> None:
        self._file = file
        self._ids = [item.id for item in items]
        self._results: dict[str, dict[str, Any]] = {}
        for line in file.read_text().splitlines() if file.exists() else ():
            result = json.loads(line)
            self._results[result["custom_id"]] = result

    @property
    def told(self) -> dict[str, dict[str, Any]]:
        """As columns."""
        return {name: answer_of(result) for name, result in self._results.items()}

    def answered(self, name: str) -> bool:
        result = self._results.get(name)
        return result is not None and set(answer_of(result)) != {"error"}

    @property
    def count(self) -> int:
        return sum(map(self.answered, self._ids))

    def add(self, results: list[dict[str, Any]]) -> None:
        # Without a custom_id: its person was erased.
        self._results |= {each["custom_id"]: each for each in results if each["custom_id"]}
        half = self._file.with_suffix(".part")
        kept = (self._results[name] for name in self._ids if name in self._results)
        half.write_text("".join(json.dumps(each, ensure_ascii=False) + "\n" for each in kept))
        half.replace(self._file)


def _send_new(server: Server, state: State, items: list[Item], answers: _Answers) -> None:
    """Batches of the rows that are neither answered nor under way."""
    under_way = {name for part in state.parts if not part.ended for name in part.ids}
    new = [i for i in items if i.id not in under_way and not answers.answered(i.id)]
    progress = Progress(len(new), "photos sent")
    sent = 0
    for part in parts_of(new, PART_BYTES, PART_LINES):
        with tempfile.TemporaryDirectory(prefix="shopsight-") as folder:
            file = Path(folder) / "catalogue.jsonl"
            with file.open("wb") as lines:
                for item in part:
                    lines.write(item.line())
            progress.show(sent)
            batch_id = server.create(server.upload(file), part[0].endpoint)
        state.parts.append(Part(batch_id, [item.id for item in part]))
        state.save()
        sent += len(part)
        progress.show(sent)
    if new:
        progress.end()


def _wait(server: Server, state: State, answers: _Answers, total: int) -> None:
    """Until all batches have ended, and their answers are here."""
    progress = Progress(total, "answered")
    while open_parts := [part for part in state.parts if not part.ended]:
        done = answers.count
        failed = 0
        note = ""
        for part in open_parts:
            batch = server.batch(part.batch_id)
            if batch is None or batch["status"] in ENDED:
                _fetch(server, part, batch, answers)
                state.save()
                continue
            done += batch["request_counts"]["completed"]
            failed += batch["request_counts"]["failed"]
            note = batch["status"].replace("_", " ")
        progress.show(min(done, total), failed, note)
        if any(not part.ended for part in state.parts):
            time.sleep(POLL_S)
    progress.show(answers.count)
    progress.end()


def _fetch(server: Server, part: Part, batch: dict[str, Any] | None, answers: _Answers) -> None:
    part.ended = True
    if batch is None:
        print(f"\nThe server does not know {part.batch_id} any more.", file=sys.stderr)
        return
    for error in (batch["errors"] or {"data": []})["data"]:
        print(f"\nline {error['line']}: {error['message']}", file=sys.stderr)
    for file_id in (batch["output_file_id"], batch["error_file_id"]):
        answers.add(server.lines(file_id))
