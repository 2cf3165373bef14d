"""What the service decides: pure, without clock, dice, log, file or network."""
