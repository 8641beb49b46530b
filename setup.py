"""What pyproject.toml cannot say: two folders that are no packages go into a wheel, within the
package `gateway` (contract/process/home.py looks there)."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

SHIPPED = ("migrations", "web")


class BuildPython(build_py):
    def run(self) -> None:
        super().run()
        here = Path(__file__).parent
        # While a Dockerfile installs what the project needs, its code is not there yet.
        for name in SHIPPED if (here / "gateway").is_dir() and not self.editable_mode else ():
            shutil.copytree(
                here / name,
                Path(self.build_lib) / "gateway" / name,
                ignore=shutil.ignore_patterns("__pycache__"),
                dirs_exist_ok=True,
            )


setup(cmdclass={"build_py": BuildPython})
