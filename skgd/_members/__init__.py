"""Networks over an encoded table, and how several of them become one model."""
