"""The model registry: versions and stages of artifacts, read from Git tags."""
