"""`meterstream demo`: usage published, counted, queried and checked, on a stack of its own."""
