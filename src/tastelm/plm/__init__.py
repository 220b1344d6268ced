"""Pre-trained language models: where they come from, and one port for each kind. No system and no prompt is known here."""
