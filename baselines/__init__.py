"""The methods that DUCCIO is compared with, one file each."""
