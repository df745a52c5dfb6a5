"""Rules: one file each. Each file states one `RULE`."""
