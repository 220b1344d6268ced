"""Item tokens: how a generator spells the items of a catalogue. Every way reads the training part alone, but for one that shows what happens if not."""
