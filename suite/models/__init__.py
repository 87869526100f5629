"""The seed networks, one file each."""
