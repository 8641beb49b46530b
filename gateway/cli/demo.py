"""`shopsight demo`: shows in the terminal what the stack does. It asks questions about sample
photos, compares a cache hit with its miss, and prints rows of the log and the analysts' summary."""

import json
import tempfile
import time
from pathlib import Path

from sqlalchemy import create_engine, select

from contract.process.home import shipped
from gateway.cli.ask import Answered, ask
from gateway.cli.demo_checkpoint import CAUTION, KNOWS
from gateway.cli.embedded import embedded_stack
from gateway.cli.stats import summary
from gateway.config import Settings
from gateway.log.schema.tables import interactions

SAMPLES = shipped("web") / "samples"
# Sample and question. A question is a key of samples.json, or a text of our own.
QUESTIONS = (
    ("brown-leather-handbag.jpg", "ask_zh"),
    ("black-leather-wallet.jpg", "ask_en"),
    ("red-metal-frying-pan.jpg", "ask_zh"),
    ("blue-striped-backpack-kelvo.jpg", "ask_en"),
    ("yellow-dotted-mug.jpg", "适合送给妈妈吗？"),
    ("brown-leather-handbag.jpg", "Is it genuine? How much does it cost?"),
)


def run() -> int:
    started = time.perf_counter()
    print("Shopsight demo: gateway + model on this machine, no server, no GPU.")

    def loading() -> None:
        print("Loading the demo checkpoint …", flush=True)

    with tempfile.TemporaryDirectory(prefix="shopsight-demo-") as folder:
        with embedded_stack(Path(folder), loading=loading) as stack:
            print(f"Up after {time.perf_counter() - started:.1f} s.\n")
            samples = json.loads((SAMPLES / "samples.json").read_text())
            by_file = {sample["file"]: sample for sample in samples}
            questions = [(file, by_file[file].get(asked, asked)) for file, asked in QUESTIONS]
            for file, question in questions:
                print(f"[{file}] {question}\n   → ", end="", flush=True)
                answered = ask(stack.url, SAMPLES / file, question, show=True)
                print(f"\n     {_source_and_time(answered)}\n")
            miss = answered
            print(f"The same question once more:\n[{file}] {question}\n   → ", end="", flush=True)
            answered = ask(stack.url, SAMPLES / file, question, show=True)
            factor = miss.seconds / answered.seconds
            print(f"\n     {_source_and_time(answered)}: {factor:.0f}× faster\n")
            if answered.cache != "hit":
                raise SystemExit("The repeated question did not come from the cache.")
        engine = create_engine(stack.database_url)
        zone = Settings().business_zone
        print(f"The behaviour log (SQLite here, MySQL in compose; times in {zone}):")
        columns = ["asked_at", "outcome", "cache", "language", "total_ms", "question"]
        with engine.connect() as connection:
            rows = connection.execute(
                select(*(interactions.c[name] for name in columns)).order_by(
                    interactions.c.interaction_id
                )
            )
            for at, outcome, cache, language, total_ms, question in rows:
                print(
                    f"  {at.astimezone(zone):%H:%M:%S}  {outcome:<9} {cache:<5} {language:<3}"
                    f" {total_ms:7.1f} ms  {question}"
                )
        print("\nThe analysts' summary:")
        print("  " + summary(engine, zone).replace("\n", "\n  "))
        engine.dispose()
    print(f"\n{KNOWS}\n{CAUTION}")
    print("Go on with `make run` (the page, at http://127.0.0.1:8080) or the README.")
    return 0


def _source_and_time(answered: Answered) -> str:
    source = {"hit": "from the cache", "miss": "from the model"}.get(answered.cache, "")
    return f"{answered.seconds * 1000:.0f} ms, {source}"
