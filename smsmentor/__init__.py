"""Peer mentoring by text message: questions in, a few peers asked, their advice back."""

__version__ = "0.1.0"
