"""Pages of monitors: what drifted in a window, and charts over time."""
