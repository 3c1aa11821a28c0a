"""The server's database: all SQL stands in this package."""
