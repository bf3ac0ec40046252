"""Training: examples, augmentation, batches, the loop with exact resume, and what it reports while it runs.

Importing this package imports no Keras; ``asrkit.training.trainer`` does.
"""
