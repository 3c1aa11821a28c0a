"""Messages between RAC, BGW and RAS: clause 7.7 and RUMP (project profile)."""
