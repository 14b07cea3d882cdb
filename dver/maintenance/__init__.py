"""What gc, fsck and doctor need: gc roots, affected paths, checks of a project."""
