"""The one table of systems: name -> where its class stands. Importing it imports no torch; a system is loaded when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tastelm.errors import SettingError, nearest

if TYPE_CHECKING:
    from tastelm.systems.base import System

SYSTEMS: dict[str, str] = {
    "popularity": "baselines.popularity:Popularity",
    "next-integer": "baselines.next_integer:NextInteger",
    "itemknn": "baselines.itemknn:ItemKNN",
    "ease": "baselines.ease:EASE",
    "bpr-mf": "baselines.bpr_mf:BPRMF",
    "markov": "baselines.markov:Markov",
    "sknn": "baselines.sknn:SkNN",
    "gru4rec": "baselines.gru4rec:GRU4Rec",
    "caser": "baselines.caser:Caser",
    "nextitnet": "baselines.nextitnet:NextItNet",
    "sasrec": "baselines.sasrec:SASRec",
    "gsasrec": "baselines.gsasrec:GSASRec",
    "cl4srec": "baselines.cl4srec:CL4SRec",
    "hstu": "baselines.hstu:HSTU",
    "fdsa": "baselines.fdsa:FDSA",
    "sqn": "baselines.sqn:SQN",
    "bert4rec": "pretrain_only.bert4rec:BERT4Rec",
    "transformers4rec": "pretrain_only.transformers4rec:Transformers4Rec",
    "grec": "pretrain_only.grec:GRec",
    "resetbert4rec": "holistic.resetbert4rec:ResetBERT4Rec",
    "uprec": "holistic.uprec:UPRec",
    "peterrec": "partial.peterrec:PeterRec",
    "s3rec": "external.s3rec:S3Rec",
    "tiger": "pretrain_only.tiger:Tiger",
    "p5": "tuning_free.p5:P5",
    "openp5": "tuning_free.openp5:OpenP5",
    "gpt4rec": "plm_tuning.gpt4rec:GPT4Rec",
    "prl": "prompt_and_plm.prl:PRL",
    "ppr": "prompt_tuning.ppr:PPR",
    "lm-zeroshot": "tuning_free.lm_zeroshot:LMZeroShot",
    "bert-probe": "tuning_free.bert_probe:BERTProbe",
    "lmrecsys": "plm_tuning.lmrecsys:LMRecSys",
    "llm-rerank": "tuning_free.llm_rerank:LLMRerank",
    "att2seq": "baselines.att2seq:Att2Seq",
    "nrt": "baselines.nrt:NRT",
    "peter": "baselines.peter:PETER",
    "pepler": "prompt_and_plm.pepler:PEPLER",
    "instruct-rec": "plm_tuning.instruct_rec:InstructRec",
}

_ADDED: dict[str, type[System[Any]]] = {}


def system(name: str) -> type[System[Any]]:
    """The class of a system. Raises SettingError for an unknown name, with the nearest known one."""
    if name in _ADDED:
        return _ADDED[name]
    if name not in SYSTEMS:
        raise SettingError(f"system '{name}' is not known; {nearest(name, names())}")
    module, _, attribute = SYSTEMS[name].partition(":")
    found: type[System[Any]] = getattr(import_module(f"tastelm.systems.{module}"), attribute)
    return found


def add(new: type[System[Any]]) -> type[System[Any]]:
    """Make a system of one's own known by its card's name; usable as a decorator. Raises SettingError if the name is taken by another."""
    name = new.card.name
    if name in SYSTEMS or _ADDED.get(name, new) is not new:
        raise SettingError(f"system '{name}' is already known; give the card another name.")
    _ADDED[name] = new
    return new


def names() -> list[str]:
    """Names of all systems, those of the library first."""
    return [*SYSTEMS, *_ADDED]
