"""Models of natural language inference, which judge whether one sentence follows from another."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from tastelm.devices import device
from tastelm.errors import SettingError
from tastelm.metrics.faithfulness import LABELS, Calibrated, calibrate
from tastelm.metrics.simple_inference import simple_pairs
from tastelm.plm.loading import load_port
from tastelm.plm.port import LanguageModel
from tastelm.plm.source import parse_source


class InferenceLM(LanguageModel):
    """An encoder with the head that labels pairs of sentences."""


@dataclass(frozen=True, eq=False)
class SentenceJudge:
    """A judge for `tastelm.metrics.faithfulness`, made by `sentence_judge`.

    name     the source of the model, and how many tokens of a pair it reads
    model    reads premise and hypothesis as one text, in the form of its own tokenizer; of longer pairs the longer sentence is cut at its end
    columns  where the model says entail, neutral and contradict
    batch    pairs that are read together
    """

    name: str
    model: InferenceLM
    columns: tuple[int, ...]
    batch: int = 64

    @torch.inference_mode()
    def __call__(self, premises: Sequence[str], hypotheses: Sequence[str]) -> NDArray[np.float64]:
        """(n, 3) probabilities in the order of `LABELS`."""
        pairs = list(zip(premises, hypotheses, strict=True))
        # Pairs of like length go together, so that little is padded; the same pair is read once.
        distinct = sorted(set(pairs), key=lambda pair: (len(pair[0]) + len(pair[1]), pair))
        chances = [self._read(distinct[at : at + self.batch]) for at in range(0, len(distinct), self.batch)]
        place = {pair: row for row, pair in enumerate(distinct)}
        return np.concatenate([np.empty((0, len(LABELS))), *chances])[[place[pair] for pair in pairs]]

    def _read(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        model = self.model
        rows = model.tokens.encode_pairs(pairs, longest=model.context)
        width = max(len(ids) for ids, _ in rows)
        # Some models count their positions by the id that fills up, so that must be theirs.
        ids = torch.full((len(rows), width), int(getattr(model.network.config, "pad_token_id", None) or 0))
        kinds, mask = torch.zeros(len(rows), width, dtype=torch.long), torch.zeros(len(rows), width, dtype=torch.long)
        for at, (row, kind) in enumerate(rows):
            ids[at, : len(row)], kinds[at, : len(row)], mask[at, : len(row)] = torch.tensor(row), torch.tensor(kind), 1
        knows = getattr(model.network.config, "type_vocab_size", 0) > 1 and "token_type_ids" in inspect.signature(model.network.forward).parameters
        told = {"token_type_ids": kinds.to(device())} if knows else {}
        logits = model.network(input_ids=ids.to(device()), attention_mask=mask.to(device()), **told).logits
        found: NDArray[np.float64] = logits[:, list(self.columns)].double().softmax(1).cpu().numpy()
        return found


def sentence_judge(source: str) -> SentenceJudge:
    """A judge from a source: a model with a head of the labels entailment, neutral and contradiction, as those that learnt MNLI.

    Raises SettingError for a model whose labels are others, and as `causal_lm`.
    """
    chosen = parse_source(source)
    if chosen.kind == "scratch":
        raise SettingError(f"judge: {source} has random weights, so its verdicts say nothing. Give folder:PATH or hub:NAME of a model that learnt MNLI.")
    model = load_port(InferenceLM, chosen, "AutoModelForSequenceClassification", lambda library, sizes: None)
    names = {int(code): str(name).lower() for code, name in model.network.config.id2label.items()}
    columns = [code for label in LABELS for code, name in names.items() if name.startswith(label)]
    if len(names) != len(LABELS) or len(columns) != len(LABELS):
        raise SettingError(
            f"judge: the labels of {source} are {', '.join(names.values())}, where entailment, neutral and contradiction are needed. "
            "Take a model that learnt MNLI, or correct id2label in its config.json."
        )
    model.to(device()).eval()
    return SentenceJudge(f"{source}, pairs of at most {model.context} tokens", model, tuple(columns))


def proven_judge(source: str) -> Calibrated:
    """A judge that knows what is simple. Raises DataError for one that does not, and as `sentence_judge`."""
    return calibrate(sentence_judge(source), *simple_pairs())
