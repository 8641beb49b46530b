"""How long a step of the engine takes, by precision. Nothing here was measured on a GPU: it is the
arithmetic of docs/operations.md, "How fast", for 8.76 B parameters on an A10."""

from dataclasses import dataclass

BANDWIDTH = 600e9
"""Bytes a second of an A10."""
COMPUTE = 125e12 / 2
"""Operations a second: half of what NVIDIA names, as large products reach it."""
PARAMETERS = 8.76e9
KV_BYTES = 147_456
"""Of one token: 36 layers, 8 heads, 128 wide, keys and values in 16 bits."""


@dataclass(frozen=True)
class Steps:
    """Of one replica. `slots` are those that fit into 20 GB (docs/operations.md, "What fits")."""

    name: str
    weight_bytes: float
    slots: int
    overhead_s: float
    """Gaps between kernels, sampling, fetching the tokens: so much that forty tokens about a new
    photo of 512² take what "How fast" says, 1.35 s in bfloat16 and 0.65 s in int4."""
    prefill_tokens: int = 512
    """In one step, as PREFILL_TOKENS."""

    def seconds(self, decoding: int, prompt_tokens: int, context_tokens: int) -> float:
        """Of a step that adds a token to so many answers, reads so many tokens of prompts, and
        attends to so many in all. Reading the weights and computing overlap."""
        computed = (decoding + prompt_tokens) * 2 * PARAMETERS / COMPUTE
        read = (self.weight_bytes + context_tokens * KV_BYTES) / BANDWIDTH
        return max(computed, read) + self.overhead_s


BF16 = Steps("A10, bfloat16", 25.2e-3 * BANDWIDTH, slots=6, overhead_s=6.3e-3)
INT4 = Steps("A10, int4", 8.6e-3 * BANDWIDTH, slots=18, overhead_s=5.0e-3)
PRECISIONS = {"bf16": BF16, "int4": INT4}
