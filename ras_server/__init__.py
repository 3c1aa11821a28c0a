"""The remote access server (RAS): accounts, devices, messages, third parties (project profile)."""
