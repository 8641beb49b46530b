"""The model: the only folder of the service that imports torch and transformers."""
