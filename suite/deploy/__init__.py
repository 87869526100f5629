"""From a recorded run to a network in use."""
