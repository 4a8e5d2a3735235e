"""Keys, signatures, random functions and quorum signatures: one interface, the real thing and a stand-in for it."""
