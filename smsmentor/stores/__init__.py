"""Where state lives: one port, several engines."""
