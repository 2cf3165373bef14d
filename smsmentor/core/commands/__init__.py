"""One file per command family, and the table that lists them."""
