"""Streams of samples for training: shuffled by content, split among ranks and workers, and resumable."""
