"""What runs leave behind: the record of a run, the store of an experiment, and the frame of all its runs."""
