"""Systems whose prompt is fixed and whose pre-trained model is tuned to it (survey 4.2)."""
