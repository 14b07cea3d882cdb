"""Workflows for GitHub Actions and GitLab CI, written from templates."""
