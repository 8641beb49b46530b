"""What the gateway does, one file a use case: answer, upload, vote, erase. No web framework."""
