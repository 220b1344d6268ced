"""Systems pre-trained and then fine-tuned: the whole model."""
