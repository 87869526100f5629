"""The recorded tables of device models, which `suite device tables` writes into results/devices/."""
