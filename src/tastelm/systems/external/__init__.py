"""Systems pre-trained and then fine-tuned: an external part."""
