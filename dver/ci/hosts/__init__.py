"""GitHub and GitLab: what a CI job runs for, and comments on its pull request."""
