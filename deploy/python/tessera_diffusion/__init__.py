"""Generates what a worker has composed. Knows not who asks: that is the business of Triton's `model.py` and of `process.py`."""
