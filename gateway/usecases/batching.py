"""The way of requests to the batch lane: files are uploaded and deleted, batches are made of them
and cancelled. Each such request is recorded."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Row
from sqlalchemy.exc import SQLAlchemyError

from contract.errors import InvalidField
from gateway.batch.batches import Batches, NewBatch
from gateway.batch.erasure import BatchErasure
from gateway.batch.file import INPUT, StoredFile
from gateway.batch.files import Files
from gateway.batch.form import BatchRequest
from gateway.errors import FileStoreUnavailable
from gateway.identity.callers import Caller
from gateway.log.interaction import Interaction
from gateway.log.outbox.recorder import Recorder
from gateway.usecases.batch_lines import BatchEndpoint
from gateway.usecases.deadline import arrived

# 200 MB by a line of 3 Mbit/s. A client that stalls is told before, by nginx.
UPLOAD_DEADLINE_MS = 600_000


@dataclass(frozen=True)
class Uploaded:
    """A file that has arrived: `half` is where its bytes are."""

    half: Path
    name: str
    ttl: timedelta | None


@dataclass
class Batching:
    files: Files
    batches: Batches
    erasure: BatchErasure
    endpoints: Mapping[str, BatchEndpoint]
    recorder: Recorder
    deadline_ms: int

    async def upload(
        self, receive: Callable[[], Coroutine[Any, Any, Uploaded]], interaction: Interaction
    ) -> StoredFile:
        """The file, once it is kept and recorded."""
        async with self.recorder.recorded(interaction):
            uploaded = await arrived(receive(), UPLOAD_DEADLINE_MS)
            try:
                tenant, began_at = interaction.caller.tenant, interaction.asked_at
                with interaction.step("keep"):
                    file = await self.files.keep(
                        uploaded.half, tenant, uploaded.name, began_at, uploaded.ttl
                    )
                    await self._erase_late(file)
                return file
            finally:
                uploaded.half.unlink(missing_ok=True)

    async def delete_file(
        self, identify: Callable[[], Awaitable[Caller]], name: str, interaction: Interaction
    ) -> None:
        """Raises FileNotFound."""
        async with self.recorder.recorded(interaction):
            caller = await identify()
            await self.files.delete(name, caller.tenant)

    async def create(
        self,
        read: Callable[[], Coroutine[Any, Any, BatchRequest]],
        interaction: Interaction,
        retry_key: str | None,
    ) -> Row[Any]:
        """The batch, which a worker checks next. `retry_key`: under which the client sends the same
        request again. Raises FileNotFound, QuotaExceeded, InvalidField for an endpoint that takes
        no batches."""
        async with self.recorder.recorded(interaction):
            asked = await arrived(read(), self.deadline_ms)
            caller = interaction.caller
            if asked.endpoint not in self.endpoints:
                raise InvalidField("endpoint")
            file = await self.files.find(asked.input_file_id, caller.tenant, "input_file_id")
            if file.purpose != INPUT:
                raise InvalidField("input_file_id")
            ttl_s = asked.output_ttl_s or int(self.files.ttl.total_seconds())
            return await self.batches.add(
                NewBatch(
                    interaction.id,
                    caller.tenant,
                    caller.key or "",
                    asked.endpoint,
                    file.key,
                    asked.metadata,
                    ttl_s,
                    retry_key,
                )
            )

    async def cancel(
        self, identify: Callable[[], Awaitable[Caller]], name: str, interaction: Interaction
    ) -> Row[Any]:
        """Raises BatchNotFound, BatchEnded."""
        async with self.recorder.recorded(interaction):
            caller = await identify()
            return await self.batches.cancel(name, caller.tenant)

    async def _erase_late(self, file: StoredFile) -> None:
        try:
            await asyncio.to_thread(self.erasure.erase_late, file)
        except (SQLAlchemyError, OSError):
            await self.files.delete(file.id, file.tenant)
            raise FileStoreUnavailable from None
