"""Benchmarks: what the parts cost on this machine, beside CP-VTON's public code."""
