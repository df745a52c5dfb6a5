"""Look: a simulated week beside a real one, as a page that needs nothing but itself."""
