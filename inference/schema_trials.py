"""Each schema is tried in a helper process before the replica compiles it: a thread that compiles
cannot be ended."""

import hashlib
import logging
import math
import time
from collections import OrderedDict

from contract.errors import InvalidSchema, Overloaded
from contract.sandbox.limits import Limits
from contract.sandbox.processes import (
    HelperProcesses,
    NoHelperError,
    RefusedError,
    StalledError,
    TooCostlyError,
)
from contract.sandbox.spawning import ForkServer
from contract.schema import FIELD, MAX_BYTES

log = logging.getLogger(__name__)

# The largest schemas that are allowed take 50 ms and a few MB.
TRIAL_LIMITS = Limits(cpu_s=1.0, memory_bytes=256 * 1024 * 1024, wall_s=10.0)
HELPERS = 2
MAX_WAITING = 64
# Characters that JSON writes as \\uXXXX have 6 bytes, and 2 or more in UTF-8.
MAX_MESSAGE_BYTES = 3 * MAX_BYTES
REMEMBERED_TRIALS = 1000
# What took too much is not tried again for so long. On a busy machine it takes a little more.
REMEMBERED_FAILURE_S = 60.0


class SchemaTrials:
    def __init__(self, payload: bytes) -> None:
        """`payload`: of inference.model.choosing.schemas.Vocabulary."""
        self._server = ForkServer("inference.model.choosing.schemas", payload)
        self._helpers = HelperProcesses(
            self._server,
            TRIAL_LIMITS,
            count=HELPERS,
            max_waiting=MAX_WAITING,
            max_body_bytes=MAX_MESSAGE_BYTES,
            max_result_bytes=0,
            works_each=1000,
        )
        self._known: OrderedDict[bytes, tuple[bool, float]] = OrderedDict()
        """By the schema's digest: whether it passed, and until when that holds."""

    async def start(self) -> None:
        await self._helpers.start()

    def close(self) -> None:
        self._helpers.close()
        self._server.close()

    async def check(self, schema: str) -> None:
        """Raises InvalidSchema; Overloaded where nothing is known of the schema, because the
        machine is too busy for a trial."""
        name = hashlib.sha256(schema.encode()).digest()
        passed, until = self._known.get(name, (False, 0.0))
        if until < time.monotonic():
            passed, until = await self._tried(schema)
            self._known[name] = passed, until
            if len(self._known) > REMEMBERED_TRIALS:
                self._known.popitem(last=False)
        if not passed:
            raise InvalidSchema(FIELD)

    async def _tried(self, schema: str) -> tuple[bool, float]:
        try:
            await self._helpers.run({}, schema.encode())
        except RefusedError:
            return False, math.inf
        except (NoHelperError, StalledError):
            raise Overloaded from None
        except TooCostlyError:
            log.warning("a schema was too costly to try")
            return False, time.monotonic() + REMEMBERED_FAILURE_S
        return True, math.inf
