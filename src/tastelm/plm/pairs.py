"""Models that were trained to say whether one sentence follows another (Devlin et al. 2019, next-sentence prediction)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from tastelm.errors import DataError, SettingError
from tastelm.plm.loading import load_port
from tastelm.plm.port import LanguageModel
from tastelm.plm.source import parse_source


class NextSentenceLM(LanguageModel):
    """An encoder with the head that judges pairs of sentences."""

    def follows(self, pairs: Sequence[tuple[str, str]]) -> Tensor:
        """(B,) log p(the second sentence of a pair follows the first). Raises DataError for a pair that is longer than the model reads."""
        tokens = self.tokens
        firsts, seconds = (tokens.encode_all(texts) for texts in zip(*pairs, strict=True))
        rows = [[tokens.start, *first, tokens.end, *second, tokens.end] for first, second in zip(firsts, seconds, strict=True)]
        width = max(map(len, rows))
        if width > self.context:
            raise DataError(f"a pair of sentences takes {width} tokens, but the model reads {self.context}. Give shorter texts.")
        ids, kinds = torch.zeros(len(rows), width, dtype=torch.long), torch.zeros(len(rows), width, dtype=torch.long)
        mask = torch.zeros(len(rows), width, dtype=torch.long)
        for at, (row, first) in enumerate(zip(rows, firsts, strict=True)):
            ids[at, : len(row)], kinds[at, len(first) + 2 : len(row)], mask[at, : len(row)] = torch.tensor(row), 1, 1
        self.meter.add(mask)
        device = self.digest.device
        logits: Tensor = self.network(input_ids=ids.to(device), token_type_ids=kinds.to(device), attention_mask=mask.to(device)).logits
        return logits.float().log_softmax(1)[:, 0]


def next_sentence_lm(source: str) -> NextSentenceLM:
    """A judge of pairs from a source. Raises SettingError where the head for it is not in the model, and as `causal_lm`."""
    chosen = parse_source(source)
    if chosen.kind == "scratch":
        raise SettingError(f"model: {source} has random weights, so it cannot tell what follows. Give folder:PATH, package:NAME or hub:NAME.")
    return load_port(NextSentenceLM, chosen, "AutoModelForNextSentencePrediction", lambda library, sizes: None)
