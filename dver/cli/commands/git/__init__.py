"""Commands that Git runs: hooks, merge and diff drivers."""
