"""A port from a source: the network with its weights, and its tokenizer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError

from tastelm.errors import DataError, MissingExtra, SettingError
from tastelm.plm.causal import CausalLM
from tastelm.plm.gguf import converted
from tastelm.plm.masked import MaskedLM
from tastelm.plm.port import LanguageModel
from tastelm.plm.seq2seq import Seq2SeqLM
from tastelm.plm.source import Source, digest, locate, parse_source
from tastelm.plm.tokens import from_folder

P = TypeVar("P", bound=LanguageModel)
# Characters that are repeated of what a library says.
SAID = 160


def causal_lm(source: str) -> CausalLM:
    """A decoder from a source. Raises SettingError, DataError, MissingExtra, OutputError.

    From scratch it is a Llama without a tokenizer: see `LanguageModel.write_with`.
    """

    def scratch(library: Any, sizes: Any) -> Any:
        config = library.LlamaConfig(
            vocab_size=sizes["vocabulary"], hidden_size=sizes["dim"], intermediate_size=4 * sizes["dim"], num_hidden_layers=sizes["layers"],
            num_attention_heads=sizes["heads"], max_position_embeddings=sizes["context"], tie_word_embeddings=True,
        )  # fmt: skip
        return library.LlamaForCausalLM(config)

    return load_port(CausalLM, parse_source(source), "AutoModelForCausalLM", scratch)


def masked_lm(source: str) -> MaskedLM:
    """An encoder with the head that fills gaps, from a source. From scratch it is a BERT without a tokenizer. Raises as `causal_lm`."""

    def scratch(library: Any, sizes: Any) -> Any:
        config = library.BertConfig(
            vocab_size=sizes["vocabulary"], hidden_size=sizes["dim"], intermediate_size=4 * sizes["dim"], num_hidden_layers=sizes["layers"],
            num_attention_heads=sizes["heads"], max_position_embeddings=sizes["context"],
        )  # fmt: skip
        return library.BertForMaskedLM(config)

    return load_port(MaskedLM, parse_source(source), "AutoModelForMaskedLM", scratch)


def seq2seq_lm(source: str) -> Seq2SeqLM:
    """An encoder and a decoder from a source. From scratch it is a T5 without a tokenizer, and without dropout of its weights of attention. Raises as
    `causal_lm`."""

    def scratch(library: Any, sizes: Any) -> Any:
        config = library.T5Config(
            vocab_size=sizes["vocabulary"], d_model=sizes["dim"], d_kv=sizes["dim"] // sizes["heads"], d_ff=4 * sizes["dim"],
            num_layers=sizes["layers"], num_heads=sizes["heads"], dropout_rate=0.1, decoder_start_token_id=0, pad_token_id=0,
        )  # fmt: skip
        network = library.T5ForConditionalGeneration(config)
        for module in network.modules():
            # Weights of attention that are dropped keep processors from their fused kernel; states and vectors are dropped as ever.
            if isinstance(getattr(module, "dropout", None), float):
                module.dropout = 0.0
        return network

    return load_port(Seq2SeqLM, parse_source(source), "AutoModelForSeq2SeqLM", scratch)


def load_port(port: type[P], source: Source, loader: str, scratch: Callable[[Any, Any], Any]) -> P:
    """A port around the network that the class `loader` of transformers reads from a source, or that `scratch` makes of sizes. Raises as `causal_lm`."""
    library = _library()
    if source.kind == "scratch":
        return port(scratch(library, source.sizes))
    place = Path(_fetched(source)) if source.kind == "hub" else locate(source)
    told = digest(place)
    folder = converted(place, told) if place.is_file() else place
    try:
        network, report = getattr(library, loader).from_pretrained(
            folder, dtype=_float32(), local_files_only=True, use_safetensors=True, trust_remote_code=False, output_loading_info=True
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise DataError(f"model {source}: it cannot be loaded as a {port.__name__} ({_short(error)}). Give one of this kind, with its files whole.") from error
    if issubclass(port, CausalLM) and type(network.config) in library.MODEL_FOR_MASKED_LM_MAPPING and not getattr(network.config, "is_decoder", False):
        raise DataError(f"model {source}: a {type(network).__name__} reads what follows too, so it cannot go on with a text. Give a decoder, such as GPT-2.")
    if missing := sorted(report["missing_keys"]):
        raise SettingError(
            f"model {source}: {len(missing)} of the weights that a {port.__name__} needs are not in it, such as {missing[0]}; they would be random. "
            "Take a model that was trained for this, or one from scratch."
        )
    found = port(network, tokens := from_folder(folder), digest=told)
    if tokens.needed > found.vocabulary:
        raise SettingError(
            f"model {source}: its tokenizer.json has {tokens.needed} tokens, but it has vectors of {found.vocabulary}. Give the model's own tokenizer."
        )
    return found


def _fetched(source: Source) -> str:
    """The folder that a hub name is kept in by its library, fetched if the network allows."""
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise MissingExtra("huggingface-hub", "lm", f"model {source}") from error
    wanted = ["*.safetensors", "config.json", "generation_config.json", "tokenizer*", "*.model", "special_tokens_map.json"]
    try:
        return str(snapshot_download(source.name, allow_patterns=wanted))
    except (OSError, ValueError) as error:
        raise DataError(
            f"model {source}: it is neither in the cache of this machine nor to be had from the hub ({_short(error)}). "
            "Check the name and the network, or give folder:PATH."
        ) from error


def _short(error: Exception) -> str:
    """What a library says, on one line and not much of it."""
    said = " ".join(str(error).split()).rstrip(".")
    return said if len(said) <= SAID else f"{said[:SAID].rsplit(' ', 1)[0]} .."


def _library() -> Any:
    try:
        import transformers
    except ImportError as error:
        raise MissingExtra("transformers", "lm", "a language model") from error
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    return transformers


def _float32() -> Any:
    import torch

    return torch.float32
