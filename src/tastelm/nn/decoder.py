"""A recurrent decoder of words: it starts from a state that is given, and writes on from any."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

Cell = Literal["gru", "lstm"]
# One tensor for a GRU, two for an LSTM, each (L, B, H).
State = tuple[Tensor, ...]


class RecurrentDecoder(nn.Module):
    """Words (B, T) -> states (B, T, H), through L layers of gated units."""

    def __init__(self, vocabulary: int, dim: int, hidden: int, *, cell: Cell, layers: int, dropout: float) -> None:
        super().__init__()
        self.layers, self.dropout = layers, nn.Dropout(dropout)
        self.words = nn.Embedding(vocabulary, dim)
        self.cells = (nn.LSTM if cell == "lstm" else nn.GRU)(dim, hidden, layers, batch_first=True, dropout=dropout if layers > 1 else 0.0)
        nn.init.uniform_(self.words.weight, -0.1, 0.1)

    def start(self, vectors: Tensor) -> State:
        """(B, L H) -> the state to write from, h = tanh(vectors). The memory of an LSTM starts as the vectors themselves: from an empty one what
        they tell has to pass the gates of the first word, and is hardly learnt."""
        first = vectors.view(len(vectors), self.layers, -1).transpose(0, 1).contiguous()
        return (first.tanh(), first) if isinstance(self.cells, nn.LSTM) else (first.tanh(),)

    def forward(self, state: State, ids: Tensor) -> tuple[Tensor, State]:
        """A state and (B, T) words that follow -> (B, T, H) the states behind each of them, and the state to go on from."""
        given = state if isinstance(self.cells, nn.LSTM) else state[0]
        states, after = self.cells(self.dropout(self.words(ids)), given)
        return self.dropout(states), after if isinstance(after, tuple) else (after,)
