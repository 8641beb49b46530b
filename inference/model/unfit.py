"""Why a checkpoint cannot be served here."""


class UnfitError(Exception):
    """The message is a sentence for ops: what does not fit, and what would help."""
