"""Two profiles compared: methods, thresholds, findings."""
