"""A T5 of random weights as its makers would publish it: in a folder, with a tokenizer of pieces that begin with a blank of their own kind."""

import json
from collections.abc import Iterable
from pathlib import Path

import tokenizers
import torch
import transformers
from torch import nn

WORDS = [f"Number {number}" for number in range(20)] + ["So far user_3 has taken this, that. Which item follows?", "yes no like dislike stars"]


def tiny_t5(folder: Path, texts: Iterable[str] = WORDS, *, tied: bool = True) -> Path:
    """Write it to a folder, with a few more vectors than tokens, as those of Google have.

    tied  as the first T5, which writes words by the vectors that it reads them by; else as Flan-T5, which has others for it
    """
    tokenizer = tokenizers.Tokenizer(tokenizers.models.Unigram())
    tokenizer.normalizer = tokenizers.normalizers.NFKC()
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Sequence(
        [tokenizers.pre_tokenizers.WhitespaceSplit(), tokenizers.pre_tokenizers.Metaspace(prepend_scheme="always")]
    )
    tokenizer.decoder = tokenizers.decoders.Metaspace(prepend_scheme="always")
    trainer = tokenizers.trainers.UnigramTrainer(vocab_size=120, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    torch.manual_seed(0)
    config = transformers.T5Config(
        vocab_size=tokenizer.get_vocab_size() + 3, d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2, decoder_start_token_id=0, pad_token_id=0,
        eos_token_id=1,
    )  # fmt: skip
    network = transformers.T5ForConditionalGeneration(config)
    if not tied:
        network.lm_head.weight = nn.Parameter(torch.randn_like(network.lm_head.weight))
    network.save_pretrained(folder)
    place = folder / "config.json"
    told = {name: value for name, value in json.loads(place.read_text()).items() if name != "scale_decoder_outputs"}
    place.write_text(json.dumps(told | {"tie_word_embeddings": tied}))
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder
