"""Low-rank adapters in a pre-trained model (Hu et al. 2022, LoRA), by peft."""

from __future__ import annotations

from tastelm.errors import MissingExtra, SettingError
from tastelm.plm.port import LanguageModel

# Where the names of the matrices of attention differ from model to model, these are the ones of queries and values.
TARGETS = ("q_proj", "v_proj", "query", "value", "c_attn", "q", "v")


def add_lora(model: LanguageModel, *, rank: int, alpha: int, dropout: float) -> None:
    """Put W + (alpha / rank) B A in the place of the matrices W of queries and values; B starts at zero, so nothing changes at first.

    The new parameters are the group `adapter` for strategies. Raises SettingError for a model without such matrices, MissingExtra.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise MissingExtra("peft", "lm", "a low-rank adapter") from error
    there = {name.rsplit(".", 1)[-1] for name, _ in model.network.named_modules()}
    targets = [name for name in TARGETS if name in there]
    if not targets:
        raise SettingError(f"a {type(model.network).__name__} has no matrices called {', '.join(TARGETS)}, so no adapter can be put in. Tune it whole.")
    inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules=targets, init_lora_weights=True), model.network)
