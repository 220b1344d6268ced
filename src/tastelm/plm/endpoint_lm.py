"""A model behind an endpoint in the place of one that is read here: it has no weights, and all that it does is write texts behind texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from torch import nn

from tastelm.data.sources.public.cache import cache
from tastelm.plm.endpoint import Client, Endpoint, Preview
from tastelm.plm.meter import Spent

PREFIX = "endpoint:"


class EndpointLM(nn.Module):
    """Texts written by the model that a client asks; `client.endpoint` says which, and `spent` what it has cost."""

    def __init__(self, client: Client) -> None:
        super().__init__()
        self.client = client

    def write(self, texts: Sequence[str]) -> list[str]:
        """What the model writes behind each text; empty in a dry run. Raises as `Client.complete`."""
        return [answer.text for answer in self.client.complete(texts)]

    def spent(self) -> Spent:
        """What the answers until now have cost, those on disk as if they had been asked: a run that went on costs what one does that never stopped."""
        meter = self.client.meter
        read, written, seconds = (sum(pair) for pair in zip(meter.asked, meter.reused, strict=True))
        return Spent(int(read + written), seconds, None if meter.prices is None else meter.prices.money(read, written))


class Estimate(NamedTuple):
    """What a dry run would have cost: different prompts, their tokens with the longest answers, and money (None without prices)."""

    prompts: int
    tokens: int
    money: float | None

    def __str__(self) -> str:
        money = "" if self.money is None else f", {self.money:.4f} in the currency of the prices"
        return f"dry run, nothing was asked: {self.prompts:,} prompts, at most {self.tokens:,} tokens{money}"


def estimated(module: nn.Module) -> Estimate:
    """What the dry runs of all endpoints in a module came to until now."""
    meters = [part.client.meter for part in module.modules() if isinstance(part, EndpointLM) and part.client.endpoint.dry_run]
    paid = [meter.money for meter in meters if meter.money is not None]
    tokens = sum(meter.prompt_tokens + meter.completion_tokens for meter in meters)
    return Estimate(sum(meter.calls for meter in meters), tokens, sum(paid) if paid else None)


def endpoint_lm(endpoint: Endpoint) -> EndpointLM:
    """The model of an endpoint. A dry run prints every prompt that would be sent."""
    return EndpointLM(Client(endpoint, show=print_preview if endpoint.dry_run else None))


def answers_folder(given: str) -> Path:
    """Where answers are kept: the folder of that name, or by default one in the cache of the library."""
    return Path(given).expanduser() if given else cache() / "answers"


def print_preview(preview: Preview) -> None:
    """A prompt of a dry run on standard output, with what it would cost."""
    money = "" if preview.money is None else f", {preview.money:.6f} in the currency of the prices"
    print(f"{preview.text}\n--- at most {preview.tokens:,} tokens{money}\n")
