"""Tables of experiments: rows, columns, filters, order, and pages."""
