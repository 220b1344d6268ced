"""Systems over time: trained before every window, judged on the sessions in it, averaged over the windows."""

from tastelm.over_time.average import OverTime, average, to_markdown
from tastelm.over_time.rolling import Mode, Result, Rolling, compare_over_time, follow

__all__ = ["Mode", "OverTime", "Result", "Rolling", "average", "compare_over_time", "follow", "to_markdown"]
