"""Systems that tune a prompt for a pre-trained model that stays as it is."""
