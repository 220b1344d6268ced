"""Prompts meet language models: how segments become vectors, and the ways an answer is read off."""
