"""Profile BSLD/1: lock, gateway and RAS on 20-byte packets (project profile)."""
