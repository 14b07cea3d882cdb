"""From `dver.yaml` to stages, and edits of `dver.yaml`. Pure: knows neither Git nor the workspace."""
