"""Every read that is more than a `get`, one module per noun. The first argument is the user who asks."""
