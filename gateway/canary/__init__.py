"""Whether a new revision may go on: evidence against it, and the verdict. Pure."""
