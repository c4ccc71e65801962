"""Portbook: one register of every project, synced from the tools that teams already use."""

__version__ = "0.1.0"
