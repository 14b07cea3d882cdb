"""Changes, checkouts and transfers of data as text and JSON."""
