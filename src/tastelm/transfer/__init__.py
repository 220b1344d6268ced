"""Does pre-training help? Learning curves over the share of the data that is tuned on; and an encoder that goes over to other items."""

from tastelm.transfer.across import across
from tastelm.transfer.curve import Curve, Place, Point
from tastelm.transfer.plan import ARMS, SHARES, Transfer, parse_seeds, parse_shares
from tastelm.transfer.run import Deaf, Listener, transfer

__all__ = ["ARMS", "SHARES", "Curve", "Deaf", "Listener", "Place", "Point", "Transfer", "across", "parse_seeds", "parse_shares", "transfer"]
