"""Plots: from files of data points and `dver.yaml` to Vega-Lite, HTML and PNG. Nothing here knows Git or a store."""
