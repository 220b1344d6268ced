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
from tastelm.plm.tokens import Tokens, from_folder

P = TypeVar("P", bound=LanguageModel)
# Encoder-decoders that read and write as T5 does.
T5_LIKE = ("t5", "mt5", "umt5", "longt5")
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
    """An encoder and a decoder of the kind of T5 from a source. From scratch it has no tokenizer, and no dropout of its weights of attention. Raises as
    `causal_lm`, and DataError for a model of another kind."""

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


def tokens_of(source: str) -> Tokens:
    """The tokenizer alone of a model of the kind of T5 that comes trained. Raises as `seq2seq_lm`."""
    chosen = parse_source(source)
    if chosen.kind == "scratch":
        raise SettingError(f"model: {source} has no tokenizer yet. Give folder:PATH, package:NAME or hub:NAME of a model that has.")
    place = Path(_fetched(chosen)) if chosen.kind == "hub" else locate(chosen)
    if place.is_file():
        raise DataError(_no_t5(chosen, "GGUF file"))
    _check_t5(_library(), place, chosen)
    return from_folder(place, begins=False)


def load_port(port: type[P], source: Source, loader: str, scratch: Callable[[Any, Any], Any]) -> P:
    """A port around the network that the class `loader` of transformers reads from a source, or that `scratch` makes of sizes. Raises as `causal_lm`."""
    library = _library()
    if source.kind == "scratch":
        return port(scratch(library, source.sizes))
    place = Path(_fetched(source)) if source.kind == "hub" else locate(source)
    told = digest(place)
    folder = converted(place, told) if place.is_file() else place
    if port is Seq2SeqLM:
        _check_t5(library, folder, source)
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
    found = port(network, tokens := from_folder(folder, begins=port is not Seq2SeqLM), digest=told)
    if tokens.needed > found.vocabulary:
        raise SettingError(
            f"model {source}: its tokenizer.json has {tokens.needed} tokens, but it has vectors of {found.vocabulary}. Give the model's own tokenizer."
        )
    return found


def _check_t5(library: Any, folder: Path, source: Source) -> None:
    """Raises DataError for a folder that holds a model of another kind than T5."""
    try:
        kind = library.AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False).model_type
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"model {source}: its config.json cannot be read ({_short(error)}). Give a folder that save_pretrained has written.") from error
    if kind not in T5_LIKE:
        raise DataError(_no_t5(source, f"model of the kind {kind}"))


def _no_t5(source: Source, what: str) -> str:
    return f"model {source}: it is a {what}, and no encoder-decoder of the kind of T5, which reads a text and writes another. Give one, such as Flan-T5."


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
