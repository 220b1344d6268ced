"""Pre-training without fine-tuning."""
