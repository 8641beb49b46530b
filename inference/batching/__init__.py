"""In-flight batching: questions as rows of one batch, which join and leave between passes."""
