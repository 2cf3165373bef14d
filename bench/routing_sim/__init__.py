"""A town to try the routing in: people with hidden habits, simple policies to compare with, and the measuring."""
