"""Public data sets by name: what they are, how they come to this machine when the user asks, and the parsers of their published formats."""

from tastelm.data.sources.public.catalogue import PUBLICATIONS, Asked, asked, find, listing, read_public, recognised
from tastelm.data.sources.public.getting import Plan, carry_out, get, plan
from tastelm.data.sources.public.publication import Publication

__all__ = ["PUBLICATIONS", "Asked", "Plan", "Publication", "asked", "carry_out", "find", "get", "listing", "plan", "read_public", "recognised"]
