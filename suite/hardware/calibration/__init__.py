"""How device models are fitted on measured networks, and how well they predict them."""
