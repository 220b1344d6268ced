"""Modules: item tables, packed attention, encoders, and what answers from them."""
