"""HTTP in, HTTP out: no rule of the product lives here."""
