"""Stages in a workspace: `dver.yaml` and `dver.lock` compared with the files on disk."""
