"""Systems pre-trained and then fine-tuned: a part of the model."""
