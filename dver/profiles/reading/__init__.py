"""Files of tables, read in batches: Parquet, Arrow IPC, CSV, TSV and JSON Lines."""
