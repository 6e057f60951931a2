"""The providers on loopback: their wire protocols, with answers and faults from a script, and a ledger of all calls."""
