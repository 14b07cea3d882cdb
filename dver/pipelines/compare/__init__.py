"""Parameters, metrics and plots of the workspace and of commits, side by side."""
