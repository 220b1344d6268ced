"""Systems whose prompt and pre-trained model are tuned together."""
