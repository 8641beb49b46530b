"""When a batch that is asked for again is the same one."""

import uuid
from dataclasses import replace

from gateway.batch.batches import NewBatch

FILE = uuid.uuid4()
FIRST = NewBatch(uuid.uuid4(), "acme", "k", "/v1/match", FILE, {"a": "1", "b": "2"}, 60, "retry")


def test_it_is_the_same_tenant_s_request_under_the_same_key() -> None:
    again = replace(FIRST, key=uuid.uuid4(), key_id="rotated", labels={"b": "2", "a": "1"})
    assert again.request_digest == FIRST.request_digest
    others = [
        replace(FIRST, tenant="rival"),
        replace(FIRST, endpoint="/v1/products/card"),
        replace(FIRST, input_file=uuid.uuid4()),
        replace(FIRST, labels=None),
        replace(FIRST, output_ttl_s=61),
        replace(FIRST, retry_key="another"),
    ]
    assert len({FIRST.request_digest, *(each.request_digest for each in others)}) == 7


def test_without_a_key_each_is_another() -> None:
    assert replace(FIRST, retry_key=None).request_digest is None
