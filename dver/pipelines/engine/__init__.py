"""The stage graph: reasons, order and runners. Knows neither Git nor the workspace."""
