"""What fits into a device's memory: weights, KV cache, the caches of photos and prompts, and what
passes take for a moment. Pure arithmetic, in bytes."""

from collections.abc import Iterable
from dataclasses import dataclass

from inference.model.unfit import UnfitError

# Without a budget, as on a CPU.
DEFAULT_SLOTS, DEFAULT_CONTEXT = 8, 4096
# With one: the longest of these contexts that leaves room for WANTED_SLOTS. A question about a
# photo of 512² has about 700 tokens with its answer. More rows than MAX_SLOTS were never measured.
CONTEXTS = (4096, 3072, 2048, 1536, 1024)
WANTED_SLOTS, MAX_SLOTS = 6, 32
# What CUDA itself takes, and the workspaces of its libraries; torch does not count it.
CONTEXT_BYTES = 500_000_000
# Of a row's logits while its next token is drawn: sorted, summed up, masked, noise.
DRAWING_COPIES = 8
# Of the budget, for what lies unused between blocks.
GAPS = 0.02


@dataclass(frozen=True)
class Shape:
    """The numbers of a model that its memory depends on. `itemsize`: bytes of an activation."""

    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    hidden: int
    intermediate: int
    vocabulary: int
    tower_hidden: int
    tower_intermediate: int
    patch_values: int
    deepstack: int
    itemsize: int

    @property
    def kv_bytes_per_token(self) -> int:
        return 2 * self.layers * self.kv_heads * self.head_dim * self.itemsize

    def pass_bytes(self, slots: int, context: int, prefill_tokens: int, photo_tokens: int) -> int:
        """What passes take for a moment: of the layer that takes most, and of photos in the
        tower. The allocator keeps blocks of each, so they add up."""
        size = self.itemsize
        # Of the MLP, whose two halves are read in one piece, and of the hidden state.
        a_token = (4 * self.intermediate + 6 * self.hidden) * size
        # Rows in decode ride in a pass over prompts, whose mask is as wide as the context.
        reading = (prefill_tokens + slots) * (a_token + context * size)
        # Recorded passes have memory of their own. Logits are made float32, and a row that is drawn
        # has a few copies of its own.
        deciding = slots * (a_token + context * size + self.vocabulary * (size + 4))
        deciding += DRAWING_COPIES * self.vocabulary * 4
        # Pixels, then queries, keys and values with their rotation in float32, then the MLP.
        values = self.patch_values * size + self.tower_hidden * (9 * size + 24)
        values += 2 * self.tower_intermediate * size
        features = photo_tokens * self.hidden * (1 + self.deepstack) * size
        # A look of the lane that shoppers' photos go before: hidden state, rotation, DeepStack.
        begun = 4 * photo_tokens * self.tower_hidden * (size + 1)
        begun += photo_tokens * self.hidden * self.deepstack * size
        return reading + deciding + 4 * photo_tokens * values + features + begun


@dataclass(frozen=True)
class MemoryNeeds:
    """What does not depend on how many slots there are. `photo_tokens`: of the largest photo, at
    its closest look. `budget`: None where nothing bounds it."""

    shape: Shape
    weights: int
    caches: int
    prefill_tokens: int
    photo_tokens: int
    budget: int | None

    @property
    def outside(self) -> int:
        """CUDA itself, and gaps."""
        return CONTEXT_BYTES + int(GAPS * (self.budget or 0))

    def plan(self, slots: int | None, context: int | None, longest: int) -> "MemoryPlan":
        """Slots and context as they are set, or as many as fit. `longest`: no context is longer,
        because the model knows no more positions. Raises UnfitError."""
        if self.budget is None:
            chosen = (slots or DEFAULT_SLOTS, min(context or DEFAULT_CONTEXT, longest))
            return MemoryPlan(self, *chosen)
        contexts = [min(each, longest) for each in ([context] if context else CONTEXTS)]
        fitting = [self._most_slots(each, slots) for each in contexts]
        plans = [plan for plan in fitting if plan is not None]
        if not plans:
            least = MemoryPlan(self, slots or 1, contexts[-1])
            raise UnfitError(least.sentence("That is too much."))
        enough = [plan for plan in plans if plan.slots >= (slots or WANTED_SLOTS)]
        return enough[0] if enough else max(plans, key=lambda plan: plan.slots)

    def _most_slots(self, context: int, wanted: int | None) -> "MemoryPlan | None":
        counts: Iterable[int] = [wanted] if wanted else range(MAX_SLOTS, 0, -1)
        plans = (MemoryPlan(self, slots, context) for slots in counts)
        return next((plan for plan in plans if plan.total <= (self.budget or 0)), None)


@dataclass(frozen=True)
class MemoryPlan:
    """`slots` rows of `context` tokens each, prompt and answer together."""

    needs: MemoryNeeds
    slots: int
    context: int

    @property
    def kv_cache(self) -> int:
        # A column more than the context is for rows that only fill a batch up.
        return self.slots * (self.context + 1) * self.needs.shape.kv_bytes_per_token

    @property
    def passes(self) -> int:
        needs = self.needs
        # One large photo, or several small ones, of which the tower takes as many as a step may.
        photo_tokens = max(min(needs.photo_tokens, self.context), needs.prefill_tokens)
        return needs.shape.pass_bytes(self.slots, self.context, needs.prefill_tokens, photo_tokens)

    @property
    def total(self) -> int:
        needs = self.needs
        used = needs.weights + self.kv_cache + needs.caches + self.passes
        return used + needs.outside

    def sentence(self, what: str) -> str:
        """The arithmetic, for ops; `what` came of it."""
        needs = self.needs
        parts = (
            (needs.weights, "of weights"),
            (self.kv_cache, f"of KV cache for {self.slots} slots of {self.context} tokens"),
            (needs.caches, "of caches"),
            (self.passes, "for passes"),
            (needs.outside, "for CUDA itself and gaps"),
        )
        sum_of = " + ".join(f"{size / 1e9:.2f} GB {name}" for size, name in parts)
        budget = f"{(needs.budget or 0) / 1e9:.2f} GB"
        return (
            f"{sum_of} = {self.total / 1e9:.2f} GB, and GPU_MEMORY_BYTES allows {budget}. {what}"
            " Fewer SLOTS, MAX_CONTEXT_TOKENS, MAX_IMAGE_TOKENS or QUANTISATION=int4 take less."
        )
