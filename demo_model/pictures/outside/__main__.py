"""Makes shards of pictures that are not of the demo world, for training and for the test.

    python -m demo_model.pictures.outside FOLDER

It downloads some 620 MB of Debian packages (packages.toml) into FOLDER/packages, keeps them, and
writes FOLDER/train and FOLDER/test. What is there already is not made again.
"""

import argparse
import sys
from pathlib import Path

from demo_model.pictures.outside.building import SPLITS, build
from demo_model.pictures.outside.packages import OutsideMissing


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--split", choices=SPLITS, help="only this part")
    options = parser.parse_args()
    try:
        for split in [options.split] if options.split else SPLITS:
            build(options.folder, split)
    except OutsideMissing as missing:
        print(missing, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
