"""Stages in a workspace: what `dver.yaml` and `dver.lock` mean for the files there, running them, what came of it."""
