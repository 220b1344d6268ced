"""What is learnt: objectives, one file a family of the survey's section 5."""
