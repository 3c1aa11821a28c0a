"""Codec of the IGRS smart lock application: bytes in, values out, or a named error.

Profile BSLD/1 inside the frame of ISO/IEC 14543-5-104, and the message envelope between
RAC, BGW and RAS. The clauses of the standard were not available: everything that its
published summary does not say is this project's own profile, and no conformity is
claimed. Pure: no I/O, no clock or random of its own, no logging.
"""
