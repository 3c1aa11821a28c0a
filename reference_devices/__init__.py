"""Locks and a Bluetooth proxy in software: a home without hardware (project profile)."""
