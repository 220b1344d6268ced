"""The text side of prompts: segments, templates and their families, words for labels, clean titles. No tokenizer and no model is known here."""
