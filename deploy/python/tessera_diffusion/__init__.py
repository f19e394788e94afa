"""Paints what a worker has composed. Knows nothing of Triton: `model.py` beside this package does."""
