"""The fsspec filesystem `dver://`: files at a revision for pandas, polars, DuckDB, Dask, PyArrow and others.

The entry point `dver` of the group `fsspec.specs` in pyproject.toml registers it.
"""
