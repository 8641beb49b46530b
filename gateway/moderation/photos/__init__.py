"""What is seen in a photo, looked at in a helper process that may be killed."""
