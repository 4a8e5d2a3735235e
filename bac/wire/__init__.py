"""What travels and what is signed: the canonical codec and one frozen type per message."""
