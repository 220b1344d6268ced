"""The one training loop, and what it needs: stages, budgets, schedules, checkpoints."""
