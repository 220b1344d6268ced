"""Systems: one small file each, in folders named as the training strategies of the survey's Table 1, and the baselines."""
