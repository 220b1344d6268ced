"""The port of every language model: vectors in, states out, whatever stands behind it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from tastelm.errors import ShapeError
from tastelm.nn.prefix import KeyValueShape as KeyValueShape
from tastelm.nn.prefix import Prefix as Prefix
from tastelm.plm.meter import Spent, TokenMeter
from tastelm.plm.tokens import Tokens, from_json

# Places up to which attention is learnt through plain products where a CPU computes in half precision: the way back through torch's fused kernel takes
# four times as long at 65 places, and about as long at 200.
SHORT = 128


class LanguageModel(nn.Module):
    """A pre-trained model behind one face. Its parameters stand under `network`.

    digest    of the weights it came with; zeros for a model from scratch
    written   the tokenizer of a model from scratch, or one that was extended, as text in bytes, since it can be had from nowhere else
    meter     counts the tokens that it reads and writes to answer
    external  whether those weights can be had again from where they came from: then what is not trained here stands in no checkpoint
              and no run folder, and what loads them checks by `digest` that it has the same model
    """

    digest: Tensor
    written: Tensor

    def __init__(self, network: Any, tokens: Tokens | None = None, *, digest: bytes | None = None) -> None:
        """`tokens` of a model from scratch may be given later, by `write_with`, or come with its run folder."""
        super().__init__()
        self.network, self.external, self._tokens = network, digest is not None, tokens
        self.meter = TokenMeter()
        self.register_buffer("digest", _bytes(digest or bytes(32)))
        self.register_buffer("written", _bytes(b""))
        self.register_state_dict_post_hook(_leave_out)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_pre_hook(_bring_in)  # type: ignore[no-untyped-call]

    @property
    def tokens(self) -> Tokens:
        """Its tokenizer."""
        if self._tokens is None:
            self._tokens = from_json(self.written.cpu().numpy().tobytes().decode())
        return self._tokens

    def write_with(self, tokens: Tokens) -> None:
        """Give a model from scratch its tokenizer, or another a larger one. Raises ShapeError if it has more tokens than the model has vectors."""
        if tokens.size > self.vocabulary:
            raise ShapeError(f"a tokenizer of {tokens.size} tokens does not fit a model that has {self.vocabulary}. Train it with fewer, or give it more.")
        self._tokens, self.written = tokens, _bytes(tokens.to_json().encode()).to(self.written.device)

    @property
    def width(self) -> int:
        """Numbers of a token's vector."""
        return int(self.network.config.hidden_size)

    @property
    def vocabulary(self) -> int:
        """Tokens that it has vectors of."""
        return int(self.network.config.vocab_size)

    @property
    def context(self) -> int:
        """The longest text in tokens."""
        return int(self.network.config.max_position_embeddings)

    @property
    def kv_shape(self) -> KeyValueShape:
        config = self.network.config
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        return KeyValueShape(config.num_hidden_layers, heads, getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads)

    def spent(self) -> Spent:
        """What it has read and written until now."""
        return Spent(self.meter.tokens)

    def embed(self, ids: Tensor) -> Tensor:
        """(...) token ids -> (..., D) vectors."""
        vectors: Tensor = self.network.get_input_embeddings()(ids)
        return vectors

    def forward(self, embeds: Tensor, mask: Tensor, prefix: Prefix | None = None) -> Tensor:
        """States of B rows of W vectors.

        embeds  (B, W, D)
        mask    (B, W) bool, which places hold anything: what does not is as if it were not there, and its states mean nothing
        prefix  for models that take one
        Returns (B, W, D). A place's position is the count of the places before it that hold something.
        """
        raise NotImplementedError

    def logits(self, states: Tensor) -> Tensor:
        """(..., D) states -> (..., V) logits over the tokens."""
        head = self.network.get_output_embeddings()
        logits: Tensor = head(states)
        return logits


def cache_of(prefix: Prefix | None, config: Any) -> Any:
    """A prefix as a network keeps what it has read; None for none."""
    if prefix is None:
        return None
    from transformers import DynamicCache

    cache = DynamicCache(config=config)
    for layer, (keys, values) in enumerate(zip(prefix.keys, prefix.values, strict=True)):
        cache.update(keys, values, layer)
    return cache


def attention(embeds: Tensor) -> AbstractContextManager[Any]:
    """How a network is to attend while it reads vectors (B, W, D): by whatever kernel torch prefers, but for short texts in half precision on a CPU."""
    slow = embeds.device.type == "cpu" and embeds.shape[1] <= SHORT and torch.is_grad_enabled() and torch.is_autocast_enabled("cpu")
    return sdpa_kernel(SDPBackend.MATH) if slow else nullcontext()


def _bytes(content: bytes) -> Tensor:
    return torch.from_numpy(np.frombuffer(content, np.uint8).copy())


def positions_of(mask: Tensor) -> Tensor:
    """(B, W) int64: how many places before each hold something."""
    return (mask.long().cumsum(1) - 1).clamp(min=0)


def _kept(model: LanguageModel, prefix: str) -> set[str]:
    """Names, in a state dict, of what is the model's own and not trained."""
    trained = {id(value) for value in model.network.parameters() if value.requires_grad}
    tensors = (*model.network.named_parameters(remove_duplicate=False), *model.network.named_buffers(remove_duplicate=False))
    return {f"{prefix}network.{name}" for name, value in tensors if id(value) not in trained}


def _leave_out(model: Any, state: dict[str, Any], prefix: str, _: Any) -> None:
    if model.external:
        for name in _kept(model, prefix):
            state.pop(name, None)
    # A matrix with two names, such as words that are read and written by the same vectors, is told once.
    seen = set[int]()
    for name in [name for name in state if name.startswith(f"{prefix}network.")]:
        if state[name].data_ptr() in seen and state[name].numel():
            del state[name]
        else:
            seen.add(state[name].data_ptr())


def _bring_in(model: Any, state: dict[str, Any], prefix: str, _metadata: Any, _strict: Any, _missing: Any, _unexpected: Any, errors: list[str]) -> None:
    stored = state.get(f"{prefix}digest")
    if stored is not None and not torch.equal(stored.cpu(), model.digest.cpu()):
        errors.append("the pre-trained model is another one than it was trained with: its weights have another checksum")
    own = {f"{prefix}network.{name}": value for name, value in model.network.state_dict().items()}
    if (written := state.get(f"{prefix}written")) is not None:
        model.written, model._tokens = torch.empty_like(written), None if len(written) else model._tokens
    # What was told once stands for both names; what was left out stays as it came.
    twins = {value.data_ptr(): state[name] for name, value in own.items() if name in state}
    for name, value in own.items():
        if name not in state:
            state[name] = twins.get(value.data_ptr(), value)
