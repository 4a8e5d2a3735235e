"""The real world: trio, libp2p, disk and clock. They appear nowhere else."""
