"""Who decides: evidence to opinion to reputation units, VRF, sortition, committee, seed."""
