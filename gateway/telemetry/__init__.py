"""What a gateway tells of itself to whoever operates it, besides what each folder counts."""
