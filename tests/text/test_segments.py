"""Prompts as segments."""

from tastelm.text.segments import Prompt, Slot, Text, Vectors, joined, plain

PROMPT: Prompt = (Text("Liked "), Text("by "), Vectors("users", (3, 4)), Text(": "), Slot("history", "history"), Text(" so"), Text(" Alien", learn=True))


def test_plain_shows_words_vectors_and_open_slots() -> None:
    assert plain(PROMPT) == "Liked by [users:3,4]: {history} so Alien"
    assert plain(()) == "" and plain((Vectors("soft", ()),)) == "[soft:]"


def test_joined_merges_neighbours_that_are_learnt_alike() -> None:
    merged = joined(PROMPT)
    assert merged == (Text("Liked by "), *PROMPT[2:])
    assert joined((Text("a", True), Text("", True), Text("b", True), Text("c"))) == (Text("ab", True), Text("c"))
    assert joined(merged) == merged and plain(merged) == plain(PROMPT)


def test_texts_remember_what_they_were_made_of_and_nothing_else_minds() -> None:
    history, words = Text("Up, Heat", made_of=((8, "history"),)), Text("Liked ")
    (merged,) = joined((words, history, Text("!")))
    assert isinstance(merged, Text) and merged.pieces == [("Liked ", None), ("Up, Heat", "history"), ("!", None)]
    assert merged == Text("Liked Up, Heat!") and hash(merged) == hash(Text("Liked Up, Heat!")) and repr(merged) == repr(Text("Liked Up, Heat!"))
    assert Text("plain").pieces == [("plain", None)] and Text("").pieces == [("", None)]
    assert Vectors("user", (3,), "user") == Vectors("user", (3,))
