"""The reference networks and their supernets, one file each."""
