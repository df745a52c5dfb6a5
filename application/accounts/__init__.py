"""Accounts: who may do what in the console and at its interfaces."""
