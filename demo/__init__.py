"""A home to try it all: a RAS, three locks in software, and a real Home Assistant."""
