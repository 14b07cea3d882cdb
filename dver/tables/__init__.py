"""Rows of CSV, Parquet and JSONL files, compared by DuckDB."""
