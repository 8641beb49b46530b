"""Trains the demo checkpoint from scratch: pictures, tokenizer, vision tower, language model.

    python -m demo_model.training.train

It keeps its state in .cache/demo-model, and continues there when it is started again.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

import torch
from transformers import AutoTokenizer, Qwen2TokenizerFast, Qwen3VLForConditionalGeneration

from demo_model.language.tokenizer import token_ids, train_tokenizer
from demo_model.pictures.outside.building import build
from demo_model.pictures.shards import PicturePool
from demo_model.training.architecture import TEXT_WIDTH, build_config, build_model
from demo_model.training.checkpoint import CHECKPOINT, write_checkpoint
from demo_model.training.conversations import corpus
from demo_model.training.heads import Heads
from demo_model.training.language import LanguageTraining, averaged_over_steps
from demo_model.training.model_card import model_card
from demo_model.training.start import mix_in, start_from
from demo_model.training.states import log
from demo_model.training.vision import train_vision

WORK = Path(".cache/demo-model")
# A folder of the work: the shipped checkpoint that it began from, if any.
BEGUN_FROM = "begun_from"
SEED = 20_251_122
VERSION = "2.5"
VISION_STEPS = 2_200
LANGUAGE_STEPS = 5_000
SHARDS = 300  # of 256 pictures
# Training waits for so many pictures. With fewer it would see the same ones too often.
FIRST_PICTURES = 6_000


def tokenizer_in(work: Path) -> Qwen2TokenizerFast:
    """The tokenizer of this run: trained once, then loaded from its folder, as users load it."""
    folder = work / "tokenizer"
    if not folder.exists():
        train_tokenizer(corpus()).save_pretrained(folder)
    return AutoTokenizer.from_pretrained(folder)


def new_model(tokenizer: Qwen2TokenizerFast) -> tuple[Qwen3VLForConditionalGeneration, Heads]:
    torch.manual_seed(SEED)
    config = build_config(len(tokenizer), token_ids(tokenizer))
    return build_model(config), Heads(TEXT_WIDTH)


def export(work: Path, folder: Path = CHECKPOINT) -> None:
    """Write the checkpoint folder from the last saved state of the language stage."""
    tokenizer = tokenizer_in(work)
    model, _ = new_model(tokenizer)
    averaged = averaged_over_steps(model)
    averaged.load_state_dict(torch.load(work / "language.pt")["averaged"])
    model = averaged.module
    if (begun := work / BEGUN_FROM).exists():
        mix_in(begun, model, new_model(tokenizer)[0], tokenizer)
    write_checkpoint(model, tokenizer, VERSION, model_card(model, work), folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=WORK, help="where states and pictures live")
    parser.add_argument("--shards", type=int, default=SHARDS, help="shards of 256 pictures to draw")
    parser.add_argument("--vision-steps", type=int, default=VISION_STEPS)
    parser.add_argument("--language-steps", type=int, default=LANGUAGE_STEPS)
    parser.add_argument(
        "--start-from",
        type=Path,
        metavar="CHECKPOINT",
        help="take the weights of a shipped checkpoint instead of training a tower first",
    )
    parser.add_argument(
        "--outside", type=Path, help="pictures not of the demo world, by default made in the work"
    )
    parser.add_argument("--no-drawing", action="store_true", help="use the pictures there are")
    parser.add_argument(
        "--export-only", action="store_true", help="write the newest state and stop"
    )
    parser.add_argument(
        "--checkpoint", type=Path, default=CHECKPOINT, help="the folder that is written at the end"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.export_only:
        export(options.work, options.checkpoint)
        return
    options.work.mkdir(parents=True, exist_ok=True)
    pictures = options.work / "pictures"
    outside = options.outside
    if outside is None:
        outside = options.work / "outside" / "train"
        build(options.work / "outside", "train")
    drawing = None
    if not options.no_drawing:
        command = ["-m", "demo_model.pictures.shards", str(pictures), str(options.shards)]
        drawing = subprocess.Popen([sys.executable, *command])  # noqa: S603 - our own module
    try:
        tokenizer = tokenizer_in(options.work)
        pool = PicturePool(pictures, outside if outside.exists() else None)
        if drawing:
            pool.wait_for(FIRST_PICTURES)
        log(options.work / "train.log", stage="start", pictures=pool.refresh())
        model, heads = new_model(tokenizer)
        if not (options.work / "language.pt").exists():
            if options.start_from:
                begun = options.work / BEGUN_FROM  # that folder may be the one that is written
                shutil.copytree(options.start_from, begun, dirs_exist_ok=True)
                start_from(begun, model, tokenizer)
            else:
                shutil.rmtree(options.work / BEGUN_FROM, ignore_errors=True)
                visual = model.model.visual
                train_vision(visual, heads, pool, options.work, options.vision_steps)
        resumed = options.start_from is not None
        training = LanguageTraining(model, heads, tokenizer, pool, options.work, resumed=resumed)
        training.run(options.language_steps)
    finally:
        if drawing:
            drawing.terminate()
    export(options.work, options.checkpoint)


if __name__ == "__main__":
    main()
