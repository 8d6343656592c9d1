"""What Meterstream does a second, beside its peers, with every total checked against an exact truth."""
