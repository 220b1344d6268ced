"""Words to numbers and back: the tokenizer of a pre-trained model, or a byte-level one trained on the texts at hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tastelm.errors import DataError, MissingExtra

if TYPE_CHECKING:
    from tokenizers import Tokenizer

START, END, MASK = "<|start|>", "<|end|>", "<|mask|>"
# What stands between documents in the training of the models we know, in the order of preference: where a text begins out of nothing.
STARTS = ("<|endoftext|>", START, "<s>", "[CLS]")
ENDS = ("<|endoftext|>", END, "</s>", "[SEP]")
MASKS = (MASK, "[MASK]", "<mask>")
# What rows are filled up with; T5 begins nothing that it reads, and writes behind this.
PAD = "<pad>"

BARE = f"the tokenizer has no token that begins and ends a text ({', '.join(STARTS)}), so it does not fit. Give the model's own."


class Tokens:
    """A tokenizer as the library uses it.

    start, end  ids of what begins and ends a text
    begins      whether a text that is read begins with `start`: not with T5, for which it is what fills up rows
    mask        id of what hides a token, None for a model that fills no gaps
    size        tokens that it knows
    needed      vectors that a model must have for it: marks that were added later are read only where a text holds them
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self.size: int = tokenizer.get_vocab_size()
        first, end = self._first(STARTS), self._first(ENDS)
        self.begins, start = first is not None, self._first((PAD,)) if first is None else first
        if start is None or end is None:
            raise DataError(BARE)
        self.start, self.end, self.mask = start, end, self._first(MASKS)
        self.needed = max(tokenizer.get_vocab_size(with_added_tokens=False), start + 1, end + 1)

    def encode(self, text: str) -> list[int]:
        """Token ids of a text, with nothing added at its ends."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def offsets(self, text: str) -> list[int]:
        """Of each token of `encode` the character of the text at which it begins."""
        return [begin for begin, _ in self._tokenizer.encode(text, add_special_tokens=False).offsets]

    def encode_all(self, texts: Sequence[str]) -> list[list[int]]:
        """`encode` of many texts at once."""
        return [found.ids for found in self._tokenizer.encode_batch(list(texts), add_special_tokens=False)]

    def encode_pairs(self, pairs: Sequence[tuple[str, str]], *, longest: int) -> list[tuple[list[int], list[int]]]:
        """Of each pair of texts its ids, with what the tokenizer puts around and between them, and 0 or 1 for each id: which text it is of.

        Where a pair would be longer than `longest`, the longer text is cut at its end.
        """
        self._tokenizer.enable_truncation(longest, strategy="longest_first")
        try:
            return [(found.ids, found.type_ids) for found in self._tokenizer.encode_batch(list(pairs))]
        finally:
            self._tokenizer.no_truncation()

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids, without what only marks beginnings and ends."""
        text: str = self._tokenizer.decode(list(ids), skip_special_tokens=True)
        return text

    def word(self, token: int) -> str:
        """A single token, as the tokenizer writes it."""
        return str(self._tokenizer.id_to_token(token))

    def number(self, word: str) -> int | None:
        """The id of a single token, None if there is none of that name."""
        found: int | None = self._tokenizer.token_to_id(word)
        return found

    def extended(self, marks: Sequence[str]) -> Tokens:
        """The same with further tokens, each whole wherever it stands in a text."""
        library = _library()
        tokenizer = library.Tokenizer.from_str(self.to_json())
        tokenizer.add_tokens([library.AddedToken(mark, normalized=False) for mark in marks])
        return Tokens(tokenizer)

    def to_json(self) -> str:
        """All of it as text, for `from_json`."""
        found: str = self._tokenizer.to_str()
        return found

    def _first(self, names: Iterable[str]) -> int | None:
        return next((found for name in names if (found := self._tokenizer.token_to_id(name)) is not None), None)


def from_json(text: str) -> Tokens:
    """A tokenizer out of what `to_json` gave. Raises DataError for anything else."""
    library = _library()
    try:
        tokenizer = library.Tokenizer.from_str(text)
    except Exception as error:  # the library knows no narrower one
        raise DataError(f"the text of the tokenizer is damaged ({' '.join(str(error).split())[:200]}). Take it anew from where it came.") from error
    return Tokens(tokenizer)


def from_folder(folder: Path, *, begins: bool = True) -> Tokens:
    """The tokenizer of a model's folder. Raises DataError if it has none that can be read, or begins no text where it must."""
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise DataError(f"{folder}: tokenizer.json is missing, so nothing can be read with this model. Save it with save_pretrained of a fast tokenizer.")
    try:
        found = from_json(path.read_bytes().decode(errors="replace"))
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    if begins and not found.begins:
        raise DataError(f"{path}: {BARE}")
    return found


def trained_on(texts: Iterable[str], *, size: int, marks: Sequence[str] = ()) -> Tokens:
    """A byte-level BPE tokenizer of at most `size` tokens, trained on `texts`: it can write any text, and each digit is a token of its own.

    marks  further tokens, each whole wherever it stands in a text and on top of `size`
    """
    library = _library()
    tokenizer = library.Tokenizer(library.models.BPE())
    tokenizer.pre_tokenizer = library.pre_tokenizers.Sequence(
        [library.pre_tokenizers.Digits(individual_digits=True), library.pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = library.decoders.ByteLevel()
    alphabet = library.pre_tokenizers.ByteLevel.alphabet()
    trainer = library.trainers.BpeTrainer(vocab_size=size, special_tokens=[START, END, MASK], initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return Tokens(tokenizer).extended(marks)


def _library() -> Any:
    try:
        import tokenizers
    except ImportError as error:
        raise MissingExtra("tokenizers", "lm", "a language model") from error
    return tokenizers
