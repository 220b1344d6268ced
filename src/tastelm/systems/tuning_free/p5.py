"""P5: recommendation as language processing. Every task is a text to read and a text to write; prompts never trained on may ask too."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from tastelm.card import Card, DataType, Paradigm, Question, Target
from tastelm.data.split import Split
from tastelm.prompting.lessons import can_ask
from tastelm.prompting.writer import Asking, ItemWriter
from tastelm.settings import among, setting, span
from tastelm.systems.many_prompts import Beside, Course, ManyPrompts, ManyPromptsConfig
from tastelm.systems.reviewed import Taught, opinion, tasks_of, words_for, writer
from tastelm.systems.written import Ids
from tastelm.text.family import family, template_of
from tastelm.text.template import Template

SEQUENTIAL, DIRECT = "p5-sequential", "p5-direct"


class P5(ManyPrompts["P5.Config"]):
    """Pretrain, personalized prompt and predict (Geng et al., 2022): one sequence-to-sequence model, one likelihood, many prompts.

    Families: the next item and direct recommendation from histories; rating, explanation and review where the data have them, of the training
    part alone. `ask` chooses the prompt that ranks: by an item that is written (2-1 to 2-6, 2-13), the choice among candidates that it shows (2-7 to 2-10,
    5-5 to 5-8), or a yes to each (2-11, 2-12, 5-1 to 5-4); 5-* knows the user alone. 2-13 and 5-8 are held out of training, as `ask_stars=1-10` is;
    ratings are the mean of the stars by their probabilities. Z-* ask about items of another catalogue, see `tastelm.newcomers`; nothing is trained on them.

    Deviations: the model and its tokenizer are made from scratch, at a size for a CPU; items are tokens of their own, from the training part
    alone (`ids=random`, `collaborative`, `sequential`), not pieces of numbers that were given along all data, which leaks; the search
    writes no item that is not there; prefixes end before the valid item; a choice is among fewer candidates than 100.
    """

    card = Card(
        name="p5",
        paper="Geng et al. 2022, Recommendation as Language Processing: A Unified Pretrain, Personalized Prompt & Predict Paradigm",
        summary="Reads prompts and writes items; one model for several tasks, also for prompts it has never seen.",
        paradigm=Paradigm.TUNING_FREE,
        objectives=(Target.AUTOREGRESSIVE,),
        task=Question.SEQUENTIAL,
        data=(DataType.SEQUENCE, DataType.TEXT),
    )

    @dataclass(frozen=True)
    class Config(ManyPromptsConfig):
        dim: int = setting(96, "width of the vectors and states", source="512 in the paper", at_least=8, search=among(64, 96, 128))
        layers: int = setting(2, "blocks of the encoder, and of the decoder", source="6 in the paper", at_least=1, at_most=24, search=span(1, 4))
        heads: int = setting(4, "attention heads; dim must be a multiple of twice as many", source="8 in the paper", at_least=1)
        ids: Ids = setting("collaborative", "what the tokens of an item follow", source="sequential over all data in the paper")
        families: str = setting("all", "tasks: sequential,direct,rating,explanation,review, or all that the data can teach", source="Geng et al. 2022")
        words: int = setting(0, "tokens of the words; 0: 512, or 4096 where reviews are read", at_least=0, at_most=100_000)
        ask_stars: str = setting("1-1", "the prompt by which stars are asked for", source="Geng et al. 2022", after=True)
        ask_reason: str = setting("3-1", "the prompt by which a reason is asked for", source="Geng et al. 2022", after=True)
        ask_summary: str = setting("4-1", "the prompt by which a review in a line is asked for", source="Geng et al. 2022", after=True)
        ask_new_stars: str = setting("Z-3", "for stars of an item of another catalogue: Z-3, Z-4", source="Geng et al. 2022", later=True, after=True)
        ask_new_liking: str = setting("Z-1", "for whether such an item is liked: Z-1, Z-2", source="Geng et al. 2022", later=True, after=True)
        ask_new_reason: str = setting("Z-5", "for a reason: Z-5; Z-6, Z-7 are told what it is about", source="Geng et al. 2022", later=True, after=True)
        sequential: int = setting(5, "examples of the next item of each user in an epoch", source="20 in the paper", at_least=1, at_most=1000)
        direct: int = setting(2, "examples of direct recommendation of each user in an epoch", source="15 in the paper", at_least=0, at_most=1000)
        candidates: int = setting(20, "items of which one is to be chosen", source="100 in the paper", at_least=2, at_most=200)
        prompts: str = setting("all", "of the sequential family that are trained on: all that are not held out, or names with commas between")
        ask: str = setting("2-3", "the prompt that ranks, 2-1 to 2-13 or 5-1 to 5-8; 2-13 and 5-8 are held out", source="Geng et al. 2022", after=True)
        lr: float = setting(2e-3, "peak learning rate of AdamW", source="1e-3 in the paper", above=0, at_most=1, search=span(3e-4, 5e-3, log=True))
        batch: int = setting(128, "examples in a step", source="Geng et al. 2022", at_least=1)
        beams: int = setting(20, "prefixes that the search follows", source="Geng et al. 2022", at_least=1, at_most=1000, after=True)
        max_epochs: int = setting(200, "ceiling; training usually ends on its own before", source="10 in the paper", at_least=1)

    def asked(self, data: str) -> Template:
        return template_of((SEQUENTIAL, DIRECT), self.config.ask, owner="p5.ask")

    def courses(self, data: str) -> list[Course]:
        config = self.config
        following = [template for template in family(SEQUENTIAL).chosen(config.prompts) if can_ask(template, needs={"history": True})]
        suiting = [template for template in family(DIRECT).seen() if can_ask(template, needs={"history": False})]
        direct = config.direct if "direct" in config.families else 0
        return [Course(following, config.sequential, config.candidates), Course(suiting, direct, config.candidates)]

    def chosen(self, split: Split) -> P5.Config:
        families = tasks_of(self.config.families, split, owner="p5")
        return replace(self.config, families=families, words=self.config.words or words_for(families))

    def writer(self, items: int, asking: Asking) -> ItemWriter:
        config = self.config
        new = (config.ask_new_stars, config.ask_new_liking, config.ask_new_reason)
        asked = opinion(config.ask_stars, config.ask_reason, config.ask_summary, new, owner="p5")
        return writer(config.families, asked, config.begun(), items, asking, config.whole_words)

    def beside(self, split: Split) -> Beside:
        families = self.config.families
        taught = Taught.of(split, families, owner="p5")
        return Beside(partial(taught.lessons, families), list(taught.texts(families)), taught.tell)
