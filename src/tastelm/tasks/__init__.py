"""Questions beside the next item: what is asked, of whom, among which candidates. One file a task."""
