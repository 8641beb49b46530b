"""The text policy in force. Rule files are read again when they change; one that cannot be used
leaves the policy as it was."""

import asyncio
import logging
from pathlib import Path

from gateway.moderation.rules.ruleset import BadRules, rule_files
from gateway.moderation.text import TextPolicy

log = logging.getLogger(__name__)

Stamp = tuple[tuple[str, int, int], ...]


class TextPolicies:
    def __init__(self, folder: Path, check_s: float) -> None:
        """Raises BadRules: a gateway does not start with rules that it cannot read."""
        self._folder = folder
        self._check_s = check_s
        self._stamp = _stamp(folder)
        self.current = TextPolicy.load(folder)
        self._task: asyncio.Task[None] | None = None

    @property
    def version(self) -> str:
        return self.current.version

    def start(self) -> None:
        self._task = asyncio.create_task(self._watch())

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._check_s)
            stamp = await asyncio.to_thread(_stamp, self._folder)
            if stamp != self._stamp:
                self._stamp = stamp  # a bad file is told of once, not at every look
                await self._reload()

    async def _reload(self) -> None:
        try:
            self.current = await asyncio.to_thread(TextPolicy.load, self._folder)
        except BadRules as error:
            log.error("rules of moderation stay at %s: %s", self.version, error)
        else:
            log.info("rules of moderation are now %s", self.version)


def _stamp(folder: Path) -> Stamp:
    """Names, times and sizes of the rule files."""
    found = []
    for path in rule_files(folder):
        try:
            stat = path.stat()
        except OSError:
            continue
        found.append((str(path), stat.st_mtime_ns, stat.st_size))
    return tuple(found)
