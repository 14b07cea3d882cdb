"""Running stages in a workspace: backups, outputs, recording, and cached runs."""
