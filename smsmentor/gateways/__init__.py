"""Ways out to phones: simulated ones, and a carrier."""
