"""Systems that prompt a pre-trained model and tune nothing."""
