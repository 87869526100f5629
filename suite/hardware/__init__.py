"""What a network costs on a device: tracing, and one cost function per metric."""
